#pragma once

#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "clipq/core/export.h"

namespace clipq {

enum class Setting : int;  // core/setting.h

/// A setting to change, and the value to try, if there is one.
struct Advice {
  Setting setting;
  std::string value = {};
};

/// Base of everything clipq throws. The message says what failed, where, the actual value, the
/// expected value and what to do. It names no option of a program: a program that has one for a
/// setting that the advice is about appends it to the message.
class CLIPQ_EXPORT Error : public std::runtime_error {
 public:
  explicit Error(const std::string& message, std::vector<Advice> advice = {})
      : std::runtime_error(message), advice_(std::move(advice)) {}
  const std::vector<Advice>& advice() const { return advice_; }

 private:
  std::vector<Advice> advice_;
};

/// An argument, a recipe or a configuration is wrong, or something required is missing.
class CLIPQ_EXPORT UsageError : public Error {
  using Error::Error;
};

/// A checkpoint, an image, a data set or an output path can't be used.
class CLIPQ_EXPORT InputError : public Error {
  using Error::Error;
};

/// A bug in clipq.
class CLIPQ_EXPORT InternalError : public Error {
  using Error::Error;
};

/// The work was stopped on request.
class CLIPQ_EXPORT Interrupted : public Error {
 public:
  Interrupted() : Error("interrupted; no partial files were left") {}
};

}  // namespace clipq
