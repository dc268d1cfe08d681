#include "clipq/app/failure.h"
#include "clipq/core/setting.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <new>
#include <stdexcept>
#include <system_error>

namespace clipq {
namespace {

TEST(FailureOf, EachErrorHasItsExitCode) {
  EXPECT_EQ(failure_of(UsageError("x")).code, ExitCode::kUsage);
  EXPECT_EQ(failure_of(InputError("x")).code, ExitCode::kInput);
  EXPECT_EQ(failure_of(GateError("x")).code, ExitCode::kGate);
  EXPECT_EQ(failure_of(Interrupted()).code, ExitCode::kInterrupted);
  EXPECT_EQ(failure_of(InternalError("x")).code, ExitCode::kInternal);
  EXPECT_EQ(failure_of(RunError(ExitCode::kInput, "x")).code, ExitCode::kInput);
  EXPECT_EQ(failure_of(std::bad_alloc()).code, ExitCode::kInput);
  EXPECT_EQ(failure_of(std::runtime_error("x")).code, ExitCode::kInternal);
}

TEST(FailureOf, OptionsFollowTheMessage) {
  EXPECT_EQ(failure_of(InputError("no pixels")).message, "no pixels");
  EXPECT_EQ(failure_of(InputError("3 images are bad", {{Setting::kSkipBad, "3"}})).message,
            "3 images are bad (to skip them: --skip-bad 3)");
  EXPECT_EQ(failure_of(UsageError("run it or not",
                                  {{Setting::kParity, "run"}, {Setting::kParity, "skip"}}))
                .message,
            "run it or not (--parity run, --parity skip)");
  EXPECT_EQ(failure_of(UsageError("pass names", {{Setting::kClassNames}})).message,
            "pass names (--classnames)");
}

TEST(FailureOf, EverySettingHasAnOption) {
  for (int i = 0; i < static_cast<int>(Setting::kCount); ++i) {
    const std::string message = failure_of(UsageError("x", {{static_cast<Setting>(i)}})).message;
    EXPECT_TRUE(message.starts_with("x (") && message.find("--") != std::string::npos) << i;
  }
  EXPECT_EQ(failure_of(UsageError("x", {{Setting::kTemplates, "imagenet7"}})).message,
            "x (--templates imagenet7; in a run --set data.NAME.templates=imagenet7)");
}

TEST(FailureOf, NoMoreThreadsIsNoDefect) {
  const std::system_error failure(std::make_error_code(std::errc::resource_unavailable_try_again));
  EXPECT_EQ(failure_of(failure).code, ExitCode::kInput);
}

TEST(FailureOf, OthersExceptionsSayWhatIsWrong) {
  EXPECT_EQ(failure_of(std::filesystem::filesystem_error("status", "data",
                                                         std::make_error_code(std::errc::io_error)))
                .message,
            "data can't be used: Input/output error");
  EXPECT_EQ(failure_of(std::runtime_error("odd")).message, "internal error: odd");
}

}  // namespace
}  // namespace clipq
