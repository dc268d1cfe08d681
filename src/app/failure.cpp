#include "clipq/app/failure.h"

#include <c10/util/Exception.h>

#include <filesystem>
#include <system_error>

#include "clipq/core/memory.h"
#include "clipq/core/strings.h"

namespace clipq {
namespace {

const char* const kOutOfMemory =
    "out of memory; use a smaller --batch-size or fewer --threads, or free memory";
const char* const kOutOfThreads =
    "the system allows this process no more threads; use fewer --threads, or raise the limit "
    "(ulimit -u)";

std::string describe(const std::filesystem::filesystem_error& failure) {
  std::string paths = failure.path1().string();
  if (!failure.path2().empty()) paths += cat(" and ", failure.path2().string());
  return cat(paths.empty() ? "a file" : paths, " can't be used: ", failure.code().message());
}

}  // namespace

Failure failure_of(const std::exception& exception) {
  if (const auto* own = dynamic_cast<const Error*>(&exception)) return {own->what(), own->code()};
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
