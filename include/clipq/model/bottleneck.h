#pragma once

#include <memory>
#include <vector>

#include "clipq/model/linear.h"
#include "clipq/model/parts.h"

namespace clipq {

/// How wide a bottleneck is, and whether it halves the map.
struct BottleneckShape {
  std::int64_t in_channels;
  std::int64_t channels;  ///< of its middle convolution
  bool halves;            ///< each side of the map, by average pooling

  static constexpr std::int64_t kExpansion = 4;
  std::int64_t out_channels() const { return kExpansion * channels; }
  /// Whether the residual passes a convolution; else it stays as it is.
  bool has_downsample() const { return halves || in_channels != out_channels(); }
};

/// A residual block of CLIP's ResNets, BatchNorm folded into its convolutions:
/// relu(conv3(pool(relu(conv2(relu(conv1(x)))))) + downsample(pool(x))). Every stride is an average
/// pool, as against aliasing, and there only if the block halves the map.
struct Bottleneck {
  /// Without weights yet.
  explicit Bottleneck(const BottleneckShape& its_shape) : shape(its_shape) {}

  static constexpr ConvolutionWindow kWindow = {3, 1};  ///< of its middle convolution

  BottleneckShape shape;
  std::shared_ptr<const Linear> conv1;       ///< 1 x 1: [channels, in_channels]
  std::shared_ptr<const Linear> conv2;       ///< 3 x 3: [channels, channels * 9]
  std::shared_ptr<const Linear> conv3;       ///< 1 x 1: [out_channels, channels]
  std::shared_ptr<const Linear> downsample;  ///< 1 x 1: [out_channels, in_channels]; may be null

  /// @param x float32 [batch, height, width, in_channels]
  /// @return float32 [batch, height', width', out_channels]
  at::Tensor forward(const at::Tensor& x) const;

  bool needs_whole_batch() const;

  /// @param place its rows are the positions of the map that it is given
  void add_parts(ModelParts& parts, const PartPlace& place);
};

}  // namespace clipq
