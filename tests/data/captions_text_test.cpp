#include <gmock/gmock.h>

#include "clipq/core/error.h"
#include "clipq/data/dataset.h"
#include "data/data_files.h"
#include "temporary_folder.h"

namespace clipq {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::message_of;
using testing::place_image;

/// Pictures a.jpg and b.jpg with a captions file.
class FlickrText : public ::testing::Test {
 protected:
  FlickrText() {
    for (const char* name : {"a.jpg", "b.jpg"}) place_image(folder_ / "pics" / name);
  }

  std::unique_ptr<Dataset> open(const std::string& text) {
    write_file(folder_ / "captions.txt", text);
    return open_dataset("flickr:" + (folder_ / "pics").string(), folder_ / "captions.txt");
  }

  /// The captions of both pictures, a's first.
  std::vector<std::string> captions(const std::string& text) {
    const auto data = open(text);
    std::vector<std::string> all;
    for (std::int64_t i = 0; i < data->size(); ++i) {
      for (const std::string& caption : data->captions(i)) {
        all.push_back(data->item_name(i) + ": " + caption);
      }
    }
    return all;
  }

  std::string refusal(const std::string& text) {
    return message_of<InputError>([&] { open(text); });
  }

 private:
  testing::TemporaryFolder folder_;
};

TEST_F(FlickrText, ColumnsAreToldByTheHeader) {
  EXPECT_THAT(
      captions("image_name,comment_number,comment\na.jpg,0,A dog\nb.jpg,1,\"A cat, red\"\n"),
      ElementsAre("a.jpg: A dog", "b.jpg: A cat, red"));
  EXPECT_THAT(captions(",image,caption\n0,a.jpg,A dog\n1,b.jpg,A cat\n"),
              ElementsAre("a.jpg: A dog", "b.jpg: A cat"));
  EXPECT_THAT(captions("Caption;Filename\nA dog;a.jpg\n"), ElementsAre("a.jpg: A dog"));
  EXPECT_THAT(captions("filepath\ttitle\na.jpg\t\"A \"\"big\"\" dog\"\n"),
              ElementsAre("a.jpg: A \"big\" dog"));
}

TEST_F(FlickrText, BarsOfFlickr30kWithItsOneBrokenLine) {
  EXPECT_THAT(captions("image_name| comment_number| comment\na.jpg| 0| \"Two\" dogs , running .\n"
                       "b.jpg| 4   A dog runs .\n"),
              ElementsAre("a.jpg: \"Two\" dogs , running .", "b.jpg: A dog runs ."));
}

TEST_F(FlickrText, TokenFilesHaveNoHeader) {
  EXPECT_THAT(captions("a.jpg#0\tA \"dog\", red\na.jpg#1\t\"A dog\nb.jpg#0\tA cat\r\n"),
              ElementsAre("a.jpg: A \"dog\", red", "a.jpg: \"A dog", "b.jpg: A cat"));
  EXPECT_THAT(captions("a.jpg,A dog\nb.jpg,A cat\n"), ElementsAre("a.jpg: A dog", "b.jpg: A cat"));
}

TEST_F(FlickrText, QuotesHoldLineBreaksAndWhatIsNoCsvStaysAsItIs) {
  EXPECT_THAT(captions("image,caption\n\"a.jpg\",\"first line\nsecond, \"\"line\"\"\"\n"),
              ElementsAre("a.jpg: first line\nsecond, \"line\""));
  EXPECT_THAT(captions("image, caption\na.jpg, \"A dog, red\"\n\nb.jpg,A 5\" disc\n"),
              ElementsAre("a.jpg: A dog, red", "b.jpg: A 5\" disc"));
  EXPECT_THAT(captions("image,caption\na.jpg,\"Hello\" he says, \"you\"\nb.jpg,\"open\n"),
              ElementsAre("a.jpg: \"Hello\" he says, \"you\"", "b.jpg: \"open"));
  EXPECT_THAT(captions("image,caption\na.jpg,A dog, a cat,two\n"),
              ElementsAre("a.jpg: A dog, a cat,two"));
}

TEST_F(FlickrText, ListsAndSplitsOfKarpathysTable) {
  EXPECT_THAT(captions("raw,sentids,split,filename,img_id\n"
                       "\"[\"\"A dog\"\", \"\"A hound\"\"]\",\"[0, 1]\",test,a.jpg,0\n"
                       "\"[\"\"A cat\"\"]\",[2],train,b.jpg,1\n"),
              ElementsAre("a.jpg: A dog", "a.jpg: A hound"));
}

TEST_F(FlickrText, EmptyCaptionsAreLeftOutAndCounted) {
  const auto data = open("image,caption\na.jpg,A dog\nb.jpg,\n");
  EXPECT_EQ(data->size(), 1);
  EXPECT_THAT(data->warnings(), ElementsAre(HasSubstr("empty captions skipped: 1 (line 3)")));
  EXPECT_THAT(open("image,caption\na.jpg,A dog\n")->warnings(), IsEmpty());
}

TEST_F(FlickrText, WhatDoesNotFitIsRefusedWithItsLine) {
  EXPECT_THAT(refusal("image,caption\na.jpg,A dog\n0,b.jpg\n"),
              AllOf(HasSubstr("captions.txt:3"), HasSubstr("0,b.jpg")));
  EXPECT_THAT(refusal("image_name,comment_number,comment\na.jpg,A dog\n"), HasSubstr("(2 fields)"));
  EXPECT_THAT(refusal("{\"images\": []}"), AllOf(HasSubstr(":1:"), HasSubstr("opened as coco:")));
  EXPECT_THAT(refusal("image,caption\na.jpg,caf\xE9\n"), HasSubstr("captions.txt:2: byte 10"));
}

}  // namespace
}  // namespace clipq
