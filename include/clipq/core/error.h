#pragma once

#include <stdexcept>
#include <string>

namespace clipq {

/// The program's exit codes; README lists them for users.
enum class ExitCode : int {
  kOk = 0,
  kInternal = 1,  ///< a defect of clipq
  kUsage = 2,     ///< command line, recipe or configuration wrong, or something required missing
  kInput = 3,     ///< a file or folder missing, unreadable, full, or not what it should be; memory
                  ///< or threads don't suffice
  kGate = 4,      ///< a gate of `compare` not met
  kInterrupted = 130  ///< Ctrl-C
};

/// Base of everything clipq throws. The message says what failed, where, what was got, what was
/// expected and what to do; the code is what the program exits with.
class Error : public std::runtime_error {
 public:
  Error(ExitCode code, const std::string& message) : std::runtime_error(message), code_(code) {}
  ExitCode code() const { return code_; }

 private:
  ExitCode code_;
};

/// The command line, a recipe or a configuration is wrong.
class UsageError : public Error {
 public:
  explicit UsageError(const std::string& message) : Error(ExitCode::kUsage, message) {}
};

/// A checkpoint, a data set or an output folder isn't what it should be.
class InputError : public Error {
 public:
  explicit InputError(const std::string& message) : Error(ExitCode::kInput, message) {}
};

/// A gate of `compare` is not met; the message says which, what was got and what was expected.
class GateError : public Error {
 public:
  explicit GateError(const std::string& message) : Error(ExitCode::kGate, message) {}
};

/// Something that can't happen did.
class InternalError : public Error {
 public:
  explicit InternalError(const std::string& message) : Error(ExitCode::kInternal, message) {}
};

/// The user pressed Ctrl-C.
class Interrupted : public Error {
 public:
  Interrupted() : Error(ExitCode::kInterrupted, "interrupted; no partial files were left") {}
};

}  // namespace clipq
