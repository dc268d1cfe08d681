#include <gmock/gmock.h>

#include "clipq/core/error.h"
#include "clipq/core/strings.h"
#include "clipq/data/content_hash.h"
#include "clipq/data/dataset.h"
#include "data/data_files.h"
#include "temporary_folder.h"

namespace clipq {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::message_of;
using testing::place_image;

constexpr const char* kOfficial = R"({
  "images": [{"id": 9, "file_name": "nine.png"}, {"id": 4, "file_name": "four.png"},
             {"id": 5, "file_name": "without_captions.png"}],
  "annotations": [{"id": 1, "image_id": 9, "caption": "A nine."},
                  {"id": 2, "image_id": 4, "caption": "A four."},
                  {"id": 3, "image_id": 9, "caption": "Another nine."}]})";

constexpr const char* kKarpathy = R"({"dataset": "coco", "images": [
  {"filepath": "val2014", "filename": "a.png", "split": "test",
   "sentences": [{"raw": "One.", "tokens": ["one"]}, {"raw": "Two.", "tokens": ["two"]}]},
  {"filepath": "train2014", "filename": "b.png", "split": "train",
   "sentences": [{"raw": "Three.", "tokens": ["three"]}]}]})";

class CocoTest : public ::testing::Test {
 protected:
  std::unique_ptr<Dataset> open(const std::string& captions) {
    write_file(folder_ / "captions.json", captions);
    return open_dataset("coco:" + (folder_ / "images").string(), folder_ / "captions.json");
  }

  std::string input_error(const std::string& captions) {
    return message_of<InputError>([&] { open(captions); });
  }

  void place(const std::string& name) { place_image(folder_ / ("images/" + name)); }

  testing::TemporaryFolder folder_;
};

TEST_F(CocoTest, ReadsTheOfficialLayoutInTheOrderOfIds) {
  place("nine.png");
  place("four.png");
  const auto data = open(kOfficial);
  ASSERT_EQ(data->size(), 2);
  EXPECT_EQ(data->name(), "mscoco_captions");
  EXPECT_EQ(data->item_name(0), "four.png");
  EXPECT_EQ(data->item_name(1), "nine.png");
  EXPECT_THAT(data->captions(0), ElementsAre("A four."));
  EXPECT_THAT(data->captions(1), ElementsAre("A nine.", "Another nine."));
  EXPECT_EQ(data->label(0), -1);
  EXPECT_GT(data->image(0).height, 0);
}

TEST_F(CocoTest, TheHashFollowsTheCaptions) {
  place("nine.png");
  place("four.png");
  std::string other = kOfficial;
  other.replace(other.find("A four"), 6, "A five");
  EXPECT_NE(content_hash(*open(kOfficial), 2).sha256, content_hash(*open(other), 2).sha256);
}

TEST_F(CocoTest, ReadsInstancesAsSeveralLabels) {
  place("nine.png");
  place("four.png");
  const auto data = open(R"({
    "images": [{"id": 9, "file_name": "nine.png"}, {"id": 4, "file_name": "four.png"}],
    "annotations": [{"image_id": 9, "category_id": 18}, {"image_id": 9, "category_id": 1},
                    {"image_id": 9, "category_id": 18}],
    "categories": [{"id": 18, "name": "dog"}, {"id": 1, "name": "person"}]})");
  ASSERT_EQ(data->size(), 2);
  EXPECT_TRUE(data->multi_label());
  EXPECT_EQ(data->name(), "mscoco_objects");
  EXPECT_THAT(data->class_keys(), ElementsAre("person", "dog"));
  EXPECT_THAT(data->labels(0), ElementsAre());
  EXPECT_THAT(data->labels(1), ElementsAre(0, 1));
  EXPECT_EQ(data->label(1), -1);
}

TEST_F(CocoTest, RefusesInstancesOfUnknownCategories) {
  place("nine.png");
  EXPECT_THAT(input_error(R"({"images": [{"id": 9, "file_name": "nine.png"}],
                              "annotations": [{"image_id": 9, "category_id": 3}],
                              "categories": [{"id": 1, "name": "person"}]})"),
              HasSubstr("annotations[0] has category 3, which is not in"));
}

TEST_F(CocoTest, ReadsTheTestSplitOfKarpathysLayout) {
  place("val2014/a.png");
  const auto data = open(kKarpathy);
  ASSERT_EQ(data->size(), 1);
  EXPECT_EQ(data->item_name(0), "val2014/a.png");
  EXPECT_THAT(data->captions(0), ElementsAre("One.", "Two."));
}

TEST_F(CocoTest, KarpathysFilesMayLieInTheFolderItself) {
  place("a.png");
  EXPECT_EQ(open(kKarpathy)->item_name(0), "a.png");
}

TEST_F(CocoTest, WithoutATestSplitAllOfKarpathysImagesAreTaken) {
  place("a.png");
  place("b.png");
  std::string no_test = kKarpathy;
  no_test.replace(no_test.find("\"test\""), 6, "\"val\"");
  EXPECT_EQ(open(no_test)->size(), 2);
}

TEST_F(CocoTest, CaptionsWithoutTheirImagesNameTheFirstAndCount) {
  place("nine.png");
  EXPECT_THAT(input_error(kOfficial), AllOf(HasSubstr("four.png"), HasSubstr("1 of 2")));
}

TEST_F(CocoTest, RefusesWhatIsNotACaptionsFile) {
  place("nine.png");
  EXPECT_THAT(input_error("{\"images\": ["), HasSubstr("captions.json"));
  EXPECT_THAT(input_error("[1, 2]"), HasSubstr("it has no list \"images\""));
  EXPECT_THAT(input_error(R"({"images": []})"), HasSubstr("it has no list \"annotations\""));
  EXPECT_THAT(input_error(R"({"images": [{"id": 1}], "annotations": []})"),
              HasSubstr("images[0] has no \"file_name\""));
  EXPECT_THAT(input_error(R"({"images": [{"id": "x", "file_name": "y"}], "annotations": []})"),
              HasSubstr("images[0] has \"id\": \"x\""));
  EXPECT_THAT(input_error(R"({"images": [], "annotations": [{"image_id": 3, "caption": "a"}]})"),
              HasSubstr("none of its 1 annotations belongs to one of \"images\""));
  EXPECT_THAT(input_error(R"({"images": [{"id": 1, "file_name": "nine.png"}], "annotations": []})"),
              HasSubstr("none of its images has a caption"));
}

TEST_F(CocoTest, MissingFoldersAndFilesAreInputErrors) {
  EXPECT_THAT(input_error(kOfficial), HasSubstr("images does not exist"));
  place("nine.png");
  EXPECT_THAT(message_of<InputError>([&] {
                open_dataset("coco:" + (folder_ / "images").string(), folder_ / "none.json");
              }),
              HasSubstr("captions file"));
}

}  // namespace
}  // namespace clipq
