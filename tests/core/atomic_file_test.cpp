#include "clipq/core/atomic_file.h"

#include <gmock/gmock.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <fstream>

#include "clipq/core/error.h"
#include "clipq/core/files.h"
#include "temporary_folder.h"

namespace clipq {
namespace {

using ::testing::HasSubstr;

std::size_t entries(const std::filesystem::path& folder) {
  return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator(folder), {}));
}

/// What the InputError says that `action` throws; empty if it throws none.
template <typename Action>
std::string input_error(const Action& action) {
  try {
    action();
  } catch (const InputError& failure) {
    return failure.what();
  }
  return "";
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

TEST(AtomicFile, HasNoNameUntilItIsFinished) {
  testing::TemporaryFolder folder;
  AtomicFile file(folder / "out.txt");
  file.write("hello");
  EXPECT_EQ(entries(folder.path()), 0u);
  file.commit();
  EXPECT_EQ(entries(folder.path()), 1u);
}

TEST(AtomicFile, ReplacesAFileAndKeepsItsNeighbours) {
  for (const auto temporary : {AtomicFile::Temporary::kUnnamed, AtomicFile::Temporary::kNamed}) {
    testing::TemporaryFolder folder;
    write_file(folder / "out.txt", "old");
    write_file(folder / "other.txt", "other");
    AtomicFile file(folder / "out.txt", temporary);
    file.write("new");
    file.commit();
    EXPECT_EQ(read_file(folder / "out.txt"), "new");
    EXPECT_EQ(read_file(folder / "other.txt"), "other");
    EXPECT_EQ(entries(folder.path()), 2u);
  }
}

TEST(AtomicFile, MayBeReadAsTheUmaskSays) {
  const mode_t before = umask(022);
  for (const auto temporary : {AtomicFile::Temporary::kUnnamed, AtomicFile::Temporary::kNamed}) {
    testing::TemporaryFolder folder;
    AtomicFile file(folder / "out.txt", temporary);
    file.commit();
    EXPECT_EQ(static_cast<int>(std::filesystem::status(folder / "out.txt").permissions()), 0644);
  }
  umask(before);
}

TEST(AtomicFile, FollowsLinksAlsoToWhatIsNotThereYet) {
  testing::TemporaryFolder folder;
  std::filesystem::create_directory(folder / "deep");
  std::filesystem::create_symlink("deep/link", folder / "link");
  std::filesystem::create_symlink("target.txt", folder / "deep/link");
  write_file(folder / "link", "text");
  EXPECT_TRUE(std::filesystem::is_symlink(folder / "link"));
  EXPECT_EQ(read_file(folder / "deep/target.txt"), "text");
  std::filesystem::create_symlink("missing/target.txt", folder / "lost");
  EXPECT_THAT(input_error([&] { write_file(folder / "lost", "text"); }),
              HasSubstr("missing does not exist"));
  std::filesystem::create_symlink("circle", folder / "circle");
  EXPECT_THAT(input_error([&] { write_file(folder / "circle", "text"); }),
              HasSubstr("a broken symbolic link"));
}

TEST(AbandonedFiles, AreRemovedAndThoseBeingWrittenStay) {
  testing::TemporaryFolder folder;
  AtomicFile in_work(folder / "work.txt", AtomicFile::Temporary::kNamed);
  const std::string abandoned = ".out.pt.clipq-a1B2c3";
  const std::vector<std::string> others = {"out.txt",        ".gitignore",    ".out.backup",
                                           "a.clipq-123456", ".clipq-123456", ".a.clipq-12345/"};
  write_file(folder / abandoned, "half");
  for (const std::string& name : others) {
    if (name.back() == '/') {
      std::filesystem::create_directory(folder / name);
    } else {
      write_file(folder / name, "");
    }
  }
  remove_abandoned_files(folder.path());
  EXPECT_FALSE(std::filesystem::exists(folder / abandoned));
  for (const std::string& name : others)
    EXPECT_TRUE(std::filesystem::exists(folder / name)) << name;
  in_work.write("whole");
  in_work.commit();
  EXPECT_EQ(read_file(folder / "work.txt"), "whole");
}

TEST(AbandonedFiles, AreRemovedByTheNextWriterInTheFolder) {
  testing::TemporaryFolder folder;
  std::ofstream(folder / ".old.pt.clipq-AAAAAA") << "half";
  write_file(folder / "new.txt", "whole");
  EXPECT_EQ(entries(folder.path()), 1u);
}

/// A process that is killed while it writes leaves what the temporary file is: nothing, or
/// something that the next writer removes.
TEST(AbandonedFiles, OfAKilledProcessAreGone) {
  for (const auto temporary : {AtomicFile::Temporary::kUnnamed, AtomicFile::Temporary::kNamed}) {
    testing::TemporaryFolder folder;
    const pid_t child = fork();
    if (child == 0) {
      AtomicFile file(folder / "out.txt", temporary);
      file.write("half");
      raise(SIGKILL);
    }
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status));
    EXPECT_EQ(entries(folder.path()), temporary == AtomicFile::Temporary::kNamed ? 1u : 0u);
    write_file(folder / "out.txt", "whole");
    EXPECT_EQ(entries(folder.path()), 1u);
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
