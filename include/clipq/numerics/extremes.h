#pragma once

#include <limits>

#include "clipq/numerics/observer_state.h"
#include "clipq/numerics/quantize.h"

namespace clipq {

/// The smallest and largest of the finite values seen; min > max before the first. Never -0.
struct Extremes {
  float min = std::numeric_limits<float>::infinity();
  float max = -std::numeric_limits<float>::infinity();

  bool operator==(const Extremes&) const = default;

  bool empty() const { return min > max; }

  /// The largest magnitude; 0 if empty.
  float magnitude() const;

  /// The extremes of both.
  Extremes joined(const Extremes& other) const;

  /// As scalars. Throws InternalError if empty.
  Range range() const;

  /// As an entry of an observer's state, float32 [2].
  at::Tensor to_tensor() const;
  static StateEntry entry() { return {"extremes", at::kFloat, 2}; }

  /// The inverse of to_tensor. Throws InputError if these can't be extremes.
  static Extremes from_tensor(const at::Tensor& tensor);
};

/// The finite values of a tensor.
struct FiniteValues {
  at::Tensor values;  ///< contiguous; the tensor itself where nothing had to be left out
  Extremes extremes;
};

/// The finite values of `x` (float32, any shape) and their extremes.
FiniteValues finite_values(const at::Tensor& x);

}  // namespace clipq
