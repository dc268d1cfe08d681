#pragma once

#include <exception>
#include <string>

#include "clipq/core/error.h"

namespace clipq {

/// What a user is told of an exception, and the code that the program exits with.
struct Failure {
  std::string message;
  ExitCode code = ExitCode::kInternal;
};

/// Of clipq's own errors what they say; of memory or a disk that is full, advice; of others that
/// they are a defect.
Failure failure_of(const std::exception& exception);

}  // namespace clipq
