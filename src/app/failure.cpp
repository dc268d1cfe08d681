#include "clipq/app/failure.h"

#include <c10/util/Exception.h>

#include <filesystem>
#include <system_error>
#include <vector>

#include "clipq/core/files.h"
#include "clipq/core/memory.h"
#include "clipq/core/setting.h"
#include "clipq/core/strings.h"

namespace clipq {
namespace {

const char* const kOutOfMemory =
    "out of memory; use a smaller --batch-size or fewer --threads, or free memory";
const char* const kOutOfThreads =
    "the system allows this process no more threads; use fewer --threads, or raise the limit "
    "(ulimit -u)";

/// The options of the program that a setting has.
std::string options_for(const Advice& advice) {
  const std::string value = advice.value.empty() ? "" : " " + advice.value;
  switch (advice.setting) {
    case Setting::kActivation:
      return "--activation" + value;
    case Setting::kCalibrationData:
      return "--calib-data" + value;
    case Setting::kCalibrationCaptions:
      return "--calib-captions" + value;
    case Setting::kCaptions:
      return "--captions" + value;
    case Setting::kClassNames:
      return "--classnames" + value;
    case Setting::kComponent:
      return "--component" + value;
    case Setting::kHeads:
      return "--heads" + value;
    case Setting::kMerges:
      return "--bpe" + value;
    case Setting::kMode:
      return "--mode" + value;
    case Setting::kOverrides:
      return "--set" + value;
    case Setting::kParity:
      return "--parity" + value;
    case Setting::kResume:
      return "--resume" + value;
    case Setting::kSizeReference:
      return "--size-against" + value;
    case Setting::kStatistics:
      return "--statistics-only" + value;
    case Setting::kSkipBad:
      return "to skip them: --skip-bad" + value;
    case Setting::kTemplates:
      return cat("--templates", value, "; in a run --set data.NAME.templates=",
                 advice.value.empty() ? "NAME" : advice.value);
    case Setting::kTimeout:
      return "--timeout" + value;
    case Setting::kTrainData:
      return "--train-data" + value;
    case Setting::kCount:
      break;
  }
  return {};
}

std::string message_of(const Error& error) {
  std::vector<std::string> options;
  for (const Advice& advice : error.advice()) options.push_back(options_for(advice));
  return cat(error.what(), options.empty() ? "" : cat(" (", join(options, ", "), ")"));
}

template <typename Type>
bool is(const Error& error) {
  return dynamic_cast<const Type*>(&error) != nullptr;
}

ExitCode code_of(const Error& error) {
  if (const auto* run = dynamic_cast<const RunError*>(&error)) return run->code();
  if (is<UsageError>(error)) return ExitCode::kUsage;
  if (is<InputError>(error)) return ExitCode::kInput;
  if (is<GateError>(error)) return ExitCode::kGate;
  if (is<ExportError>(error)) return ExitCode::kExport;
  if (is<Interrupted>(error)) return ExitCode::kInterrupted;
  return ExitCode::kInternal;
}

}  // namespace

Failure failure_of(const std::exception& exception) {
  if (const auto* own = dynamic_cast<const Error*>(&exception))
    return {message_of(*own), code_of(*own)};
  if (const auto* system = dynamic_cast<const std::system_error*>(&exception);
      system != nullptr && system->code() == std::errc::resource_unavailable_try_again) {
    return {kOutOfThreads, ExitCode::kInput};
  }
  if (is_out_of_memory(exception)) return {kOutOfMemory, ExitCode::kInput};
  if (const auto* files = dynamic_cast<const std::filesystem::filesystem_error*>(&exception)) {
    return {describe(*files), ExitCode::kInput};
  }
  const auto* torch = dynamic_cast<const c10::Error*>(&exception);
  return {cat("internal error: ",
              torch != nullptr ? torch->what_without_backtrace() : exception.what())};
}

}  // namespace clipq
