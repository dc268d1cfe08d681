#include "clipq/model/linear.h"

#include <ATen/ops/linear.h>

#include <utility>

namespace clipq {

FloatLinear::FloatLinear(at::Tensor weight, at::Tensor bias)
    : weight_(std::move(weight)), bias_(std::move(bias)) {}

at::Tensor FloatLinear::forward(const at::Tensor& x) const { return at::linear(x, weight_, bias_); }

}  // namespace clipq
