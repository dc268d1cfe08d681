#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace clipq {

/// The square windows that a convolution takes from a map. The map is padded with zeros so that a
/// window is centred on each position, of which `stride` is the distance.
struct ConvolutionWindow {
  std::int64_t side = 1;  ///< positions; odd
  std::int64_t stride = 1;

  bool operator==(const ConvolutionWindow&) const = default;

  std::int64_t padding() const { return side / 2; }
  std::int64_t area() const { return side * side; }
  /// How many windows a map of `size` positions a side has along it.
  std::int64_t count(std::int64_t size) const { return (size + 2 * padding() - side) / stride + 1; }
};

/// All windows of a map, each in the order of a convolution's weight: [channel, row, column].
/// @param map float32 [batch, height, width, channels]
/// @return float32 [batch, count(height), count(width), channels * area]
at::Tensor unfold(const at::Tensor& map, const ConvolutionWindow& window);

/// A convolution.
/// @param map float32 [batch, height, width, channels]
/// @param weight float32 [out, channels * area]
/// @param bias float32 [out], or undefined
/// @return float32 [batch, count(height), count(width), out]
at::Tensor convolve(const at::Tensor& map, const at::Tensor& weight, const at::Tensor& bias,
                    const ConvolutionWindow& window);

/// The means of squares of 2 x 2 positions: float32 [batch, height / 2, width / 2, channels].
at::Tensor average_pool(const at::Tensor& map);

}  // namespace clipq
