#include "clipq/data/dataset_part.h"

#include <gmock/gmock.h>

#include <set>

#include "clipq/core/strings.h"

namespace clipq {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

/// Items that are told apart by everything that an item has.
class TenItems : public Dataset {
 public:
  TenItems() : Dataset("numbers:10") {
    for (int i = 0; i < 10; ++i) captions_.push_back({cat("caption ", i)});
    set_name("ten");
  }
  std::int64_t size() const override { return 10; }
  Image image_part(std::int64_t i, const NeededPixels& /*needed*/) const override {
    Image image;
    image.width = static_cast<int>(i) + 1;
    return image;
  }
  std::string item_name(std::int64_t i) const override { return cat("name ", i); }
  std::string item_key(std::int64_t i) const override { return cat("key ", i); }
  int label(std::int64_t i) const override { return static_cast<int>(i) * 2; }
  std::vector<int> labels(std::int64_t i) const override { return {static_cast<int>(i) * 3}; }
  const std::vector<std::string>& captions(std::int64_t i) const override { return captions_[i]; }
  std::vector<std::string> class_keys() const override { return {"a", "b"}; }
  std::string layout() const override { return "numbers"; }
  std::string image_hash(std::int64_t i) const override { return cat("hash ", i); }

 private:
  std::vector<std::vector<std::string>> captions_;
};

TEST(DatasetPart, HasTheItemsOfTheWhole) {
  const TenItems whole;
  const DatasetPart part(whole, {7, 2});
  EXPECT_EQ(part.size(), 2);
  EXPECT_EQ(part.spec(), "numbers:10");
  EXPECT_EQ(part.name(), "ten");
  EXPECT_EQ(part.layout(), "numbers");
  EXPECT_THAT(part.class_keys(), ElementsAre("a", "b"));
  EXPECT_EQ(part.image(0).width, 8);
  EXPECT_EQ(part.item_name(1), "name 2");
  EXPECT_EQ(part.item_key(0), "key 7");
  EXPECT_EQ(part.label(0), 14);
  EXPECT_THAT(part.labels(0), ElementsAre(21));
  EXPECT_THAT(part.captions(1), ElementsAre("caption 2"));
  EXPECT_EQ(part.image_hash(1), "hash 2");
}

/// The pictures of a half.
std::set<std::string> pictures(const std::vector<std::string>& images,
                               const std::vector<std::int64_t>& half) {
  std::set<std::string> own;
  for (const std::int64_t i : half) own.insert(images[i]);
  return own;
}

TEST(HalvesByContent, HaveNoPictureInCommon) {
  std::vector<std::string> images;
  for (int i = 0; i < 100; ++i) images.push_back(cat(i % 41));
  const auto halves = halves_by_content(images, 0);
  EXPECT_EQ(halves[0].size() + halves[1].size(), images.size());
  const auto first = pictures(images, halves[0]);
  const auto second = pictures(images, halves[1]);
  EXPECT_EQ(first.size(), 21U);
  EXPECT_EQ(second.size(), 20U);
  for (const std::string& picture : first) EXPECT_EQ(second.count(picture), 0U);
  EXPECT_TRUE(std::is_sorted(halves[0].begin(), halves[0].end()));
}

TEST(HalvesByContent, DependOnTheSeedAndNotOnTheOrder) {
  std::vector<std::string> images;
  for (int i = 0; i < 50; ++i) images.push_back(cat(i));
  const std::vector<std::string> reversed(images.rbegin(), images.rend());
  const auto one = pictures(images, halves_by_content(images, 5)[0]);
  EXPECT_EQ(one, pictures(reversed, halves_by_content(reversed, 5)[0]));
  EXPECT_NE(one, pictures(images, halves_by_content(images, 6)[0]));
}

TEST(SampleByContent, IsOneOfTheSeed) {
  std::vector<std::string> images;
  for (int i = 0; i < 50; ++i) images.push_back(cat(i % 40));
  const auto sample = sample_by_content(images, 12, 3);
  EXPECT_EQ(sample.size(), 12U);
  EXPECT_TRUE(std::is_sorted(sample.begin(), sample.end()));
  EXPECT_GT(sample.back(), 20);  // not the first ones
  EXPECT_EQ(sample, sample_by_content(images, 12, 3));
  EXPECT_NE(sample, sample_by_content(images, 12, 4));
  EXPECT_EQ(sample_by_content(images, 80, 3).size(), 50U);
}

TEST(HalvesByContent, OfOnePictureLeaveNothingOver) {
  EXPECT_THAT(halves_by_content({"a", "a"}, 0)[1], IsEmpty());
}

}  // namespace
}  // namespace clipq
