#pragma once

#include <exception>
#include <string>

#include "clipq/core/error.h"

namespace clipq {

/// The program's exit codes; README lists them for users.
enum class ExitCode : int {
  kOk = 0,
  kInternal = 1,  ///< a defect of clipq
  kUsage = 2,     ///< command line, recipe or configuration wrong, or something required missing
  kInput = 3,     ///< a file or folder missing, unreadable, full, or not what it should be; memory
                  ///< or threads don't suffice
  kGate = 4,      ///< a gate of `compare` not met
  kExport = 5,    ///< verification of an export failed
  kInterrupted = 130  ///< Ctrl-C
};

/// A gate of `compare` is not met; the message says which, what was got and what was expected.
class GateError : public Error {
  using Error::Error;
};

/// An export doesn't compute what the model does; the files are left.
class ExportError : public Error {
  using Error::Error;
};

/// Items of a run failed; the program exits as the first of them would make it.
class RunError : public Error {
 public:
  RunError(ExitCode code, const std::string& message) : Error(message), code_(code) {}
  ExitCode code() const { return code_; }

 private:
  ExitCode code_;
};

/// The message shown to the user for an exception, and the program's exit code.
struct Failure {
  std::string message;
  ExitCode code = ExitCode::kInternal;
};

/// For clipq's own errors, their message with the options that their advice is about; for exhausted
/// memory or a full disk, advice; for others, an internal error.
Failure failure_of(const std::exception& exception);

}  // namespace clipq
