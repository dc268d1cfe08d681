#include "clipq/app/failure.h"

#include <c10/util/Exception.h>

#include <filesystem>
#include <new>

namespace clipq {
namespace {

const char* const kOutOfMemory = "out of memory; try a smaller --batch-size";

}  // namespace

Failure failure_of(const std::exception& exception) {
  if (const auto* own = dynamic_cast<const Error*>(&exception)) return {own->what(), own->code()};
  if (dynamic_cast<const std::filesystem::filesystem_error*>(&exception) != nullptr) {
    return {exception.what(), ExitCode::kInput};
  }
  if (dynamic_cast<const std::bad_alloc*>(&exception) != nullptr) return {kOutOfMemory};
  std::string reason = exception.what();
  if (const auto* torch = dynamic_cast<const c10::Error*>(&exception)) {
    reason = torch->what_without_backtrace();
    if (reason.find("not enough memory") != std::string::npos) return {kOutOfMemory};
  }
  return {"internal error: " + reason};
}

}  // namespace clipq
