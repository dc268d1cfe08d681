#pragma once

#include <ATen/ops/linear.h>

#include "clipq/quant/simulated_layers.h"

namespace clipq::testing {

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
