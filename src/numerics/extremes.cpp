#include "clipq/numerics/extremes.h"

#include <ATen/ops/aminmax.h>
#include <ATen/ops/isfinite.h>
#include <ATen/ops/scalar_tensor.h>
#include <ATen/ops/tensor.h>

#include <algorithm>
#include <cmath>
#include <tuple>

#include "clipq/core/error.h"
#include "clipq/core/strings.h"

namespace clipq {
namespace {

/// NaN or infinite where a value is; adding 0 turns -0 into 0.
Extremes extremes_of(const at::Tensor& x) {
  if (x.numel() == 0) return {};
  const auto [min, max] = at::aminmax(x);
  return {min.item<float>() + 0.0f, max.item<float>() + 0.0f};
}

bool is_finite(const Extremes& extremes) {
  return std::isfinite(extremes.min) && std::isfinite(extremes.max);
}

}  // namespace

float Extremes::magnitude() const { return empty() ? 0 : std::max(-min, max); }

Extremes Extremes::joined(const Extremes& other) const {
  return {std::min(min, other.min), std::max(max, other.max)};
}

Range Extremes::range() const {
  if (empty()) throw InternalError("the observer has seen no finite value");
  return {at::scalar_tensor(min, at::kFloat), at::scalar_tensor(max, at::kFloat)};
}

at::Tensor Extremes::to_tensor() const { return at::tensor({min, max}, at::kFloat); }

Extremes Extremes::from_tensor(const at::Tensor& tensor) {
  const Extremes extremes = {tensor[0].item<float>(), tensor[1].item<float>()};
  if (extremes == Extremes() || (is_finite(extremes) && !extremes.empty())) return extremes;
  throw InputError(cat("observer state: \"extremes\" is [", extremes.min, ", ", extremes.max,
                       "], which is no range"));
}

FiniteValues finite_values(const at::Tensor& x) {
  const at::Tensor values = x.contiguous();
  const Extremes extremes = extremes_of(values);
  if (extremes.empty() || is_finite(extremes)) return {values, extremes};
  const at::Tensor finite = values.masked_select(at::isfinite(values));
  return {finite, extremes_of(finite)};
}

}  // namespace clipq
