#include "clipq/model/linear.h"

#include <ATen/ops/linear.h>

#include <utility>

namespace clipq {

FloatLinear::FloatLinear(at::Tensor weight, at::Tensor bias)
    : weight_(std::move(weight)), bias_(std::move(bias)) {}

at::Tensor FloatLinear::forward(const at::Tensor& x) const { return at::linear(x, weight_, bias_); }

at::Tensor FloatLinear::forward_part(const at::Tensor& x, std::int64_t first,
                                     std::int64_t count) const {
  return at::linear(x, weight_.narrow(0, first, count),
                    bias_.defined() ? bias_.narrow(0, first, count) : bias_);
}

}  // namespace clipq
