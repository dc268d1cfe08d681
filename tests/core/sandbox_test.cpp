#include "clipq/core/sandbox.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstring>
#include <fstream>
#include <vector>

#include "temporary_folder.h"

namespace clipq {
namespace {

using Kind = SandboxOutcome::Kind;
using ::testing::HasSubstr;
using testing::TemporaryFolder;

constexpr SandboxLimits kLimits = {std::uint64_t{1} << 30, 20};

/// What the errno of a failed call is; "done" if it succeeded.
std::string outcome_of_call(long result) { return result >= 0 ? "done" : std::strerror(errno); }

TEST(Sandbox, ReturnsWhatTheWorkReturns) {
  const std::string long_text(3 << 20, 'x');
  const SandboxOutcome outcome = run_in_sandbox([&] { return long_text; }, kLimits);
  EXPECT_EQ(outcome.kind, Kind::kDone) << outcome.reason;
  EXPECT_EQ(outcome.output, long_text);
}

TEST(Sandbox, ReadsFilesAndWritesNone) {
  const TemporaryFolder folder;
  const std::string kept = (folder.path() / "kept").string();
  const std::string made = (folder.path() / "made").string();
  std::ofstream(kept) << "content";
  const auto outcome = run_in_sandbox(
      [&] {
        std::string read;
        std::ifstream(kept) >> read;
        return read + "|" + outcome_of_call(open(kept.c_str(), O_WRONLY)) + "|" +
               outcome_of_call(open(kept.c_str(), O_RDONLY | O_TRUNC)) + "|" +
               outcome_of_call(open(made.c_str(), O_RDWR | O_CREAT, 0666)) + "|" +
               outcome_of_call(unlink(kept.c_str())) + "|" +
               outcome_of_call(rename(kept.c_str(), made.c_str())) + "|" +
               outcome_of_call(truncate(kept.c_str(), 0)) + "|" +
               outcome_of_call(mkdir(made.c_str(), 0777));
      },
      kLimits);
  const std::string refused = std::string("|") + std::strerror(EPERM);
  std::string expected = "content";
  for (int i = 0; i < 7; ++i) expected += refused;
  EXPECT_EQ(outcome.output, expected) << outcome.reason;
  EXPECT_FALSE(std::filesystem::exists(made));
}

TEST(Sandbox, OpensNoSocketStartsNoProgramSignalsNobody) {
  const pid_t parent = getpid();
  const auto outcome = run_in_sandbox(
      [&] {
        char* const nothing[] = {nullptr};
        return outcome_of_call(socket(AF_INET, SOCK_STREAM, 0)) + "|" +
               outcome_of_call(execve("/bin/true", nothing, nothing)) + "|" +
               outcome_of_call(fork()) + "|" + outcome_of_call(kill(parent, SIGTERM));
      },
      kLimits);
  const std::string refused = std::strerror(EPERM);
  EXPECT_EQ(outcome.output, refused + "|" + refused + "|" + refused + "|" + refused);
}

TEST(Sandbox, HasNoFileOfTheParentOpen) {
  const TemporaryFolder folder;
  const int open_before = open((folder.path() / "own").c_str(), O_RDWR | O_CREAT, 0666);
  ASSERT_GE(open_before, 0);
  dup2(open_before, open_before + 10);
  const auto again = run_in_sandbox(
      [&] { return outcome_of_call(lseek(open_before + 10, 0, SEEK_SET)); }, kLimits);
  EXPECT_EQ(again.output, std::strerror(EBADF));
  close(open_before + 10);
  close(open_before);
}

TEST(Sandbox, EndsWhatTakesTooLongTooMuchOrCrashes) {
  const auto loop = run_in_sandbox(
      [] {
        for (volatile bool forever = true; forever;) {
        }
        return std::string();
      },
      {kLimits.memory_bytes, 1});
  EXPECT_EQ(loop.kind, Kind::kOutOfTime);
  EXPECT_THAT(loop.reason, HasSubstr("1 s"));
  const auto memory = run_in_sandbox(
      [] { return std::string(std::vector<char>(std::size_t{3} << 30, 'x').data(), 10); }, kLimits);
  EXPECT_EQ(memory.kind, Kind::kOutOfMemory);
  const auto crash = run_in_sandbox(
      []() -> std::string {
        std::signal(SIGSEGV, SIG_DFL);  // sanitizers catch it
        std::raise(SIGSEGV);
        return "";
      },
      kLimits);
  EXPECT_EQ(crash.kind, Kind::kEnded);
  EXPECT_THAT(crash.reason, HasSubstr("signal 11"));
  const auto silent = run_in_sandbox(
      []() -> std::string {
        close(3);
        sleep(60);
        return "";
      },
      {kLimits.memory_bytes, 1});
  EXPECT_EQ(silent.kind, Kind::kOutOfTime);
  const auto gone = run_in_sandbox([]() -> std::string { _exit(0); }, kLimits);
  EXPECT_EQ(gone.kind, Kind::kEnded);
}

TEST(Sandbox, CantPretendThatThereIsNoSandbox) {
  const auto outcome = run_in_sandbox(
      []() -> std::string {
        const ssize_t written = write(3, "unconfined", 10);
        _exit(written == 10 ? 0 : 1);
      },
      kLimits);
  EXPECT_NE(outcome.kind, Kind::kNoSandbox);
}

TEST(Sandbox, TellsWhatTheWorkThrew) {
  const auto outcome =
      run_in_sandbox([]() -> std::string { throw std::runtime_error("no luck"); }, kLimits);
  EXPECT_EQ(outcome.kind, Kind::kThrew);
  EXPECT_EQ(outcome.reason, "no luck");
}

TEST(Sandbox, UnconfinedWorkHasLimitsOnly) {
  const TemporaryFolder folder;
  const std::string made = (folder.path() / "made").string();
  const auto outcome = run_in_sandbox(
      [&]() -> std::string {
        return std::ofstream(made) << "written" << std::flush ? "done" : "failed";
      },
      {kLimits.memory_bytes, 20, /*confined=*/false});
  EXPECT_EQ(outcome.output, "done");
}

}  // namespace
}  // namespace clipq
