#include "clipq/core/files.h"

#include <gmock/gmock.h>

#include "temporary_folder.h"

namespace clipq {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(ReadLines, AcceptsBothLineEndsAndNoLastEnd) {
  testing::TemporaryFolder folder;
  write_file(folder / "lines.txt", "a\r\nb\n\nc");
  EXPECT_THAT(read_lines(folder / "lines.txt"), ElementsAre("a", "b", "", "c"));
  write_file(folder / "empty.txt", "");
  EXPECT_THAT(read_lines(folder / "empty.txt"), IsEmpty());
}

}  // namespace
}  // namespace clipq
