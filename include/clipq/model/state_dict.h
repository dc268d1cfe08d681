#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "clipq/core/error.h"

namespace clipq {

/// Tensors by name.
using StateDict = std::map<std::string, at::Tensor>;

/// A state dict lacks tensors of a model, or has tensors that are none of it.
class TensorNamesError : public InputError {
 public:
  TensorNamesError(const std::string& message, std::vector<std::string> missing,
                   std::vector<std::string> left_over)
      : InputError(message), missing_(std::move(missing)), left_over_(std::move(left_over)) {}

  const std::vector<std::string>& missing() const { return missing_; }
  const std::vector<std::string>& left_over() const { return left_over_; }

 private:
  std::vector<std::string> missing_;
  std::vector<std::string> left_over_;
};

/// In words, a few of each by name: "\"a\" is missing; \"b\" and \"c\" have no place in it".
std::string names_text(const std::vector<std::string>& missing,
                       const std::vector<std::string>& left_over);

/// Takes the tensors out of a state dict one by one, checking each.
class StateDictReader {
 public:
  /// @param where the file, for messages
  StateDictReader(StateDict state, std::string where);

  /// Removes the tensor `name` and returns it as float32. Throws InputError if it is missing, has
  /// another shape, or has a value that isn't finite.
  at::Tensor take(const std::string& name, const std::vector<std::int64_t>& shape);

  /// "logit_scale", of shape [] or [1], as a scalar. Throws as take(), and if its exponential isn't
  /// finite.
  at::Tensor take_logit_scale();

  /// Like take(), for codes of the given dtype: they are not widened, nor looked into.
  at::Tensor take_codes(const std::string& name, const std::vector<std::int64_t>& shape,
                        at::ScalarType dtype);

  /// Throws TensorNamesError if there are tensors that nobody took: they would change what the
  /// model computes.
  void require_empty() const;

 private:
  at::Tensor remove(const std::string& name, const std::vector<std::int64_t>& shape);

  StateDict state_;
  std::string where_;
};

}  // namespace clipq
