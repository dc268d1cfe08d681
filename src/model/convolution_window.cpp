#include "clipq/model/convolution_window.h"

#include <ATen/ops/avg_pool2d.h>
#include <ATen/ops/constant_pad_nd.h>
#include <ATen/ops/conv2d.h>

namespace clipq {
namespace {

/// As PyTorch orders dimensions, without moving values: [batch, channels, height, width].
at::Tensor channels_first(const at::Tensor& map) { return map.permute({0, 3, 1, 2}); }

at::Tensor channels_last(const at::Tensor& map) { return map.permute({0, 2, 3, 1}).contiguous(); }

}  // namespace

at::Tensor unfold(const at::Tensor& map, const ConvolutionWindow& window) {
  const std::int64_t padding = window.padding();
  return at::constant_pad_nd(map, {0, 0, padding, padding, padding, padding})
      .unfold(1, window.side, window.stride)
      .unfold(2, window.side, window.stride)
      .flatten(3);
}

at::Tensor convolve(const at::Tensor& map, const at::Tensor& weight, const at::Tensor& bias,
                    const ConvolutionWindow& window) {
  const at::Tensor kernels = weight.view({weight.size(0), map.size(3), window.side, window.side});
  std::optional<at::Tensor> added;
  if (bias.defined()) added = bias;
  return channels_last(at::conv2d(channels_first(map),
                                  kernels.contiguous(at::MemoryFormat::ChannelsLast), added,
                                  window.stride, window.padding()));
}

at::Tensor average_pool(const at::Tensor& map) {
  return channels_last(at::avg_pool2d(channels_first(map), 2));
}

}  // namespace clipq
