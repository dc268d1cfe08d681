#pragma once

#include <exception>
#include <string>

#include "clipq/core/error.h"

namespace clipq {

/// The message shown to the user for an exception, and the program's exit code.
struct Failure {
  std::string message;
  ExitCode code = ExitCode::kInternal;
};

/// For clipq's own errors, their message; for exhausted memory or a full disk, advice; for others,
/// an internal error.
Failure failure_of(const std::exception& exception);

}  // namespace clipq
