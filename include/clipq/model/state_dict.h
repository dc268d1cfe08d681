#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace clipq {

/// Tensors by name.
using StateDict = std::map<std::string, at::Tensor>;

/// Takes the tensors out of a state dict one by one, checking each.
class StateDictReader {
 public:
  /// @param where the file, for messages
  StateDictReader(StateDict state, std::string where);

  /// Removes the tensor `name` and returns it as float32. Throws InputError if it is missing, has
  /// another shape, or has a value that isn't finite.
  at::Tensor take(const std::string& name, const std::vector<std::int64_t>& shape);

  /// "logit_scale", of shape [] or [1], as a scalar. Throws as take(), and if its exponential isn't finite.
  at::Tensor take_logit_scale();

  /// Like take(), for codes of the given dtype: they are not widened, nor looked into.
  at::Tensor take_codes(const std::string& name, const std::vector<std::int64_t>& shape,
                        at::ScalarType dtype);

  /// Throws InputError that names tensors nobody took (other than those of `ignored`): they would
  /// change what the model computes.
  void require_empty(const std::vector<std::string>& ignored) const;

 private:
  at::Tensor remove(const std::string& name, const std::vector<std::int64_t>& shape);

  StateDict state_;
  std::string where_;
};

}  // namespace clipq
