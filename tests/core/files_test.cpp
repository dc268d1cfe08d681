#include "clipq/core/files.h"

#include <gmock/gmock.h>
#include <sys/resource.h>

#include <csignal>

#include "clipq/core/error.h"
#include "temporary_folder.h"

namespace clipq {
namespace {

using ::testing::HasSubstr;

std::size_t entries(const std::filesystem::path& folder) {
  return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator(folder), {}));
}

TEST(AtomicFile, AppearsOnlyWhenCommitted) {
  testing::TemporaryFolder folder;
  AtomicFile file(folder / "out.txt");
  file.write("hello");
  EXPECT_FALSE(std::filesystem::exists(folder / "out.txt"));
  file.commit();
  EXPECT_EQ(read_file(folder / "out.txt"), "hello");
  EXPECT_EQ(entries(folder.path()), 1u);
}

TEST(AtomicFile, LeavesNothingAndKeepsTheOldFileWithoutCommit) {
  testing::TemporaryFolder folder;
  write_file(folder / "out.txt", "old");
  {
    AtomicFile file(folder / "out.txt");
    file.write("new");
  }
  EXPECT_EQ(read_file(folder / "out.txt"), "old");
  EXPECT_EQ(entries(folder.path()), 1u);
}

TEST(AtomicFile, IsKnownByItsNameUntilItIsFinished) {
  testing::TemporaryFolder folder;
  AtomicFile file(folder / "out.txt");
  for (const auto& entry : std::filesystem::directory_iterator(folder.path())) {
    EXPECT_TRUE(is_unfinished(entry.path())) << entry.path();
  }
  file.commit();
  for (const char* name : {"out.txt", ".gitignore", ".out.backup", "a.clipq-123456", ".clipq-1"}) {
    EXPECT_FALSE(is_unfinished(folder / name)) << name;
  }
}

TEST(AtomicFile, MissingFolderIsAnInputError) {
  testing::TemporaryFolder folder;
  try {
    AtomicFile file(folder / "missing/out.txt");
    FAIL();
  } catch (const InputError& failure) {
    EXPECT_THAT(failure.what(), HasSubstr("missing does not exist"));
  }
}

TEST(AtomicFile, FullDiskIsAnInputErrorAndLeavesNothing) {
  testing::TemporaryFolder folder;
  std::signal(SIGXFSZ, SIG_IGN);
  rlimit before{};
  getrlimit(RLIMIT_FSIZE, &before);
  rlimit small = before;
  small.rlim_cur = 4096;
  setrlimit(RLIMIT_FSIZE, &small);
  std::string message;
  try {
    write_file(folder / "out.bin", std::string(100000, 'x'));
  } catch (const InputError& failure) {
    message = failure.what();
  }
  setrlimit(RLIMIT_FSIZE, &before);
  EXPECT_THAT(message, HasSubstr("cannot write"));
  EXPECT_EQ(entries(folder.path()), 0u);
}

}  // namespace
}  // namespace clipq
