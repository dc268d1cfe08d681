#include "clipq/eval/label_space.h"

#include <gmock/gmock.h>

#include "clipq/core/error.h"
#include "clipq/core/files.h"
#include "clipq/text/prompts.h"
#include "temporary_folder.h"

namespace clipq {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;
using ::testing::ThrowsMessage;

/// Items with the given labels.
class Labelled : public Dataset {
 public:
  Labelled(std::string name, std::vector<std::string> keys, std::vector<std::vector<int>> labels)
      : Dataset(name + ":x"),
        name_(std::move(name)),
        keys_(std::move(keys)),
        labels_(std::move(labels)) {}
  std::int64_t size() const override { return static_cast<std::int64_t>(labels_.size()); }
  Image image_part(std::int64_t, const NeededPixels&) const override { return {}; }
  std::string item_name(std::int64_t i) const override { return "item" + std::to_string(i); }
  std::string layout() const override { return name_; }
  std::string image_hash(std::int64_t) const override { return ""; }
  std::vector<std::string> class_keys() const override { return keys_; }
  int label(std::int64_t i) const override { return multi_label() ? -1 : labels_[i].front(); }
  std::vector<int> labels(std::int64_t i) const override { return labels_[i]; }
  bool multi_label() const override { return labels_.front().size() != 1; }

 private:
  std::string name_;
  std::vector<std::string> keys_;
  std::vector<std::vector<int>> labels_;
};

TEST(LabelSpace, OwnKeysHaveBlanksForUnderscores) {
  const Labelled data("cifar100", {"a_b", "c"}, {{1}, {0}});
  const LabelSpace space = label_space(data, 2, {}, ClassChoice::kAll);
  EXPECT_THAT(space.class_names, ElementsAre("a b", "c"));
  EXPECT_THAT(space.single_labels(), ElementsAre(1, 0));
}

TEST(LabelSpace, APartOfImageNetKeepsItsPlacesAmongAllClasses) {
  const Labelled data("imagenet1k", {"n01440764", "n01443537", "n15075141"}, {{0}, {2}, {1}});
  const LabelSpace all = label_space(data, 3, {}, ClassChoice::kAll);
  EXPECT_THAT(all.class_names, SizeIs(1000));
  EXPECT_THAT(all.single_labels(), ElementsAre(0, 999, 1));
  EXPECT_EQ(all.class_names[999], "toilet paper");
  const LabelSpace present = label_space(data, 2, {}, ClassChoice::kPresent);
  EXPECT_THAT(present.class_names, ElementsAre("tench", "toilet paper"));
  EXPECT_THAT(present.single_labels(), ElementsAre(0, 1));
}

TEST(LabelSpace, NamesMayBeKeyedByClass) {
  const testing::TemporaryFolder folder;
  write_file(folder / "names.json", R"({"n2": "two", "n1": "one", "n3": "three"})");
  const Labelled data("imagefolder", {"n1", "n3"}, {{1}, {0}});
  const LabelSpace space = label_space(data, 2, folder / "names.json", ClassChoice::kAll);
  EXPECT_THAT(space.class_names, ElementsAre("one", "two", "three"));
  EXPECT_THAT(space.single_labels(), ElementsAre(2, 0));
  const Labelled other("imagefolder", {"n1", "n4"}, {{1}, {0}});
  EXPECT_THAT([&] { label_space(other, 2, folder / "names.json", ClassChoice::kAll); },
              ThrowsMessage<UsageError>(HasSubstr("has no name for class \"n4\"")));
}

TEST(LabelSpace, SeveralLabelsAnItem) {
  const Labelled data("mscoco_objects", {"cat", "dog", "bus"}, {{0, 2}, {}, {2}});
  LabelSpace space = label_space(data, 3, {}, ClassChoice::kPresent);
  EXPECT_THAT(space.class_names, ElementsAre("cat", "bus"));
  EXPECT_THAT(space.labels[0], ElementsAre(0, 1));
  space.keep_items({0, 2});
  EXPECT_THAT(space.labels[1], ElementsAre(1));
}

TEST(LabelSpace, NamesThatDontFitAreAUsageError) {
  const testing::TemporaryFolder folder;
  write_file(folder / "names.json", R"(["one"])");
  const Labelled data("cifar10", {"a", "b"}, {{1}});
  EXPECT_THAT([&] { label_space(data, 1, folder / "names.json", ClassChoice::kAll); },
              ThrowsMessage<UsageError>(HasSubstr("has 2 classes, but there are 1 class names")));
  const Labelled nameless("cifar10", {}, {{1}});
  EXPECT_THAT([&] { label_space(nameless, 1, {}, ClassChoice::kAll); },
              ThrowsMessage<UsageError>(HasSubstr("no list of class names")));
  EXPECT_THAT([&] { label_space(nameless, 1, folder / "names.json", ClassChoice::kAll); },
              ThrowsMessage<UsageError>(HasSubstr("item0 has label 1")));
  const Labelled unlabelled("images", {}, {{-1}});
  EXPECT_THAT([&] { label_space(unlabelled, 1, {}, ClassChoice::kAll); },
              ThrowsMessage<UsageError>(HasSubstr("has no labels")));
}

}  // namespace
}  // namespace clipq
