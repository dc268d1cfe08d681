#pragma once

#include <ATen/ops/linear.h>
#include <gtest/gtest.h>

#include <limits>

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

/// What simulate defines of a map's windows, summed in float64.
inline at::Tensor convolved(const SimulatedLinear& layer, const at::Tensor& map,
                            const ConvolutionWindow& window) {
  const at::Tensor items =
      layer.input() ? layer.input()->simulate(map.flatten(1)).view(map.sizes()) : map;
  const at::Tensor weight = dequantize(*layer.contents()->quantized).to(at::kDouble);
  return at::linear(unfold(items.to(at::kDouble), window), weight,
                    layer.contents()->bias.to(at::kDouble));
}

/// Expects that a layer computes of a map's windows what simulate defines, and that an item of NaNs
/// doesn't touch the others.
/// @param tolerance as a share of the largest value
inline void expect_convolves(const Linear& native, const SimulatedLinear& layer,
                             const at::Tensor& map, const ConvolutionWindow& window,
                             double tolerance) {
  const at::Tensor expected = convolved(layer, map, window);
  const double most = tolerance * expected.abs().max().item<double>();
  EXPECT_LT(max_difference(native.convolve(map, window).to(at::kDouble), expected), most);
  EXPECT_LT(max_difference(layer.convolve(map, window).to(at::kDouble), expected), most);
  const at::Tensor rows = unfold(map, window);
  EXPECT_EQ(native.forward(rows).sizes(), expected.sizes());
  at::Tensor spoilt = map.clone();
  spoilt[1].fill_(std::numeric_limits<float>::quiet_NaN());
  const at::Tensor got = native.convolve(spoilt, window);
  EXPECT_TRUE(got[1].isnan().all().item<bool>());
  EXPECT_EQ(got[2].isnan().any().item<bool>(), layer.needs_whole_batch());
}

}  // namespace clipq::testing
