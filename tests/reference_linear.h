#pragma once

#include <ATen/ops/linear.h>

#include "clipq/quant/simulated_layers.h"
#include "tensors.h"

namespace clipq::testing {

/// Rows [12, 70] that are hard to quantize: ordinary ones, zeros, huge, tiny, one-sided and
/// constant ones, and one with a single large value.
inline at::Tensor extreme_rows() {
  at::Tensor x = random_normal({12, 70}, 1);
  x[1].zero_();
  x[2].mul_(1e20);
  x[3].mul_(1e-20);
  x[4].abs_();
  x[5].abs_().neg_();
  x[6].fill_(1);
  x[7][3].fill_(1e6);
  return x;
}

/// What simulate defines, summed in float64, and the magnitude that rounding is relative to.
struct ReferenceLinear {
  ReferenceLinear(const SimulatedLinear& layer, const at::Tensor& x) {
    const at::Tensor input = (layer.input() ? layer.input()->simulate(x) : x).to(at::kDouble);
    const at::Tensor weight = dequantize(*layer.contents()->quantized).to(at::kDouble);
    const at::Tensor bias =
        layer.contents()->bias.defined() ? layer.contents()->bias.to(at::kDouble) : at::Tensor();
    values = at::linear(input, weight, bias);
    magnitude =
        at::linear(input.abs(), weight.abs(), bias.defined() ? bias.abs() : bias).clamp_min(1e-30);
  }

  double error(const at::Tensor& y) const {
    if (y.numel() == 0) return 0;
    return y.to(at::kDouble).sub(values).abs().div(magnitude).max().item<double>();
  }

  at::Tensor values;
  at::Tensor magnitude;
};

}  // namespace clipq::testing
