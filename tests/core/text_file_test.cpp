#include "clipq/core/text_file.h"

#include <gmock/gmock.h>
#include <sys/stat.h>

#include <fstream>
#include <thread>

#include "clipq/core/error.h"
#include "clipq/core/files.h"
#include "clipq/core/json.h"
#include "temporary_folder.h"

namespace clipq {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using namespace std::string_literals;

std::string utf8_error(const std::string& bytes) {
  try {
    utf8_text(bytes, "x.txt");
  } catch (const InputError& failure) {
    return failure.what();
  }
  return "";
}

TEST(Utf8Text, ReadsWhatBeginsWithAMark) {
  EXPECT_EQ(utf8_text("\xEF\xBB\xBFsmall \xC3\xA9", "x"), "small \xC3\xA9");
  EXPECT_EQ(utf8_text("\xFF\xFE\x61\0\xE9\0\n\0"s, "x"), "a\xC3\xA9\n");
  EXPECT_EQ(utf8_text("\xFE\xFF\0\x61\xD8\x3D\xDE\0"s, "x"), "a\xF0\x9F\x98\x80");
  EXPECT_EQ(utf8_text("\xFF\xFE\0\0\x61\0\0\0"s, "x"), "a");
  EXPECT_EQ(utf8_text("", "x"), "");
}

TEST(Utf8Text, NamesTheFirstByteThatIsNoText) {
  EXPECT_THAT(utf8_error("good\ncaf\xE9 au lait"),
              AllOf(HasSubstr("x.txt:2: byte 4 of the line is 0xE9"), HasSubstr("UTF-8")));
  EXPECT_THAT(utf8_error("a\0b\0"s), HasSubstr("x.txt:1: byte 2 of the line is 0x00"));
  EXPECT_THAT(utf8_error("\xED\xA0\x80"), HasSubstr("0xED"));       // half of a pair
  EXPECT_THAT(utf8_error("\xC0\xAF"), HasSubstr("0xC0"));           // longer than it need be
  EXPECT_THAT(utf8_error("\xFF\xFE\x61"s), HasSubstr("UTF-16LE"));  // half a unit
  EXPECT_THAT(utf8_error("\xFF\xFE\x3D\xD8\x61\0"s), HasSubstr("UTF-16LE"));
}

TEST(ReadText, HoldsForJsonToo) {
  testing::TemporaryFolder folder;
  write_file(folder / "x.json", "\xFF\xFE[\0\x31\0]\0"s);
  EXPECT_EQ(read_json(folder / "x.json"), Json::array({1}));
  write_file(folder / "x.json", "[\"caf\xE9\"]");
  try {
    read_json(folder / "x.json");
    FAIL();
  } catch (const InputError& failure) {
    EXPECT_THAT(failure.what(), AllOf(HasSubstr("x.json:1: byte 6"), HasSubstr("0xE9")));
  }
}

TEST(ReadText, APipeCanBeReadAgain) {
  testing::TemporaryFolder folder;
  ASSERT_EQ(mkfifo((folder / "pipe").c_str(), 0600), 0);
  std::thread writer([&] { std::ofstream(folder / "pipe") << "one\ntwo\n"; });
  EXPECT_EQ(read_text(folder / "pipe"), "one\ntwo\n");
  writer.join();
  EXPECT_THAT(read_lines(folder / "pipe"), ElementsAre("one", "two"));
}

TEST(ReadText, AMissingFileIsCalledWhatItIs) {
  try {
    read_text("/nowhere/names.txt", "list of names");
    FAIL();
  } catch (const InputError& failure) {
    EXPECT_THAT(failure.what(), HasSubstr("list of names /nowhere/names.txt does not exist"));
  }
}

TEST(ReadLines, AcceptsAllLineEndsAndNoLastEnd) {
  testing::TemporaryFolder folder;
  write_file(folder / "lines.txt", "a\r\nb\n\nc");
  EXPECT_THAT(read_lines(folder / "lines.txt"), ElementsAre("a", "b", "", "c"));
  write_file(folder / "lines.txt", "a\rb\r");
  EXPECT_THAT(read_lines(folder / "lines.txt"), ElementsAre("a", "b"));
  write_file(folder / "empty.txt", "");
  EXPECT_THAT(read_lines(folder / "empty.txt"), IsEmpty());
}

}  // namespace
}  // namespace clipq
