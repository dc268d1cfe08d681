#pragma once

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "clipq/kernels/integer_linear.h"
#include "clipq/model/resnet_tower.h"

namespace clipq {

/// A convolution on integer kernels.
struct IntegerConvolution {
  std::shared_ptr<const Linear> layer;  ///< keeps what `integer` points to
  const IntegerLinear* integer;
  ConvolutionWindow window;
  std::string name;  ///< canonical path

  /// How its input becomes codes; a range per row is one of an item where windows overlap.
  const CodeRule& rule() const { return integer->rule(); }
  /// Positions of its output whose windows are worth multiplying together.
  std::int64_t panel_rows() const;
};

/// A bottleneck of them.
struct IntegerBottleneck {
  BottleneckShape shape;
  std::int64_t side;  ///< of the map that it is given
  IntegerConvolution conv1;
  IntegerConvolution conv2;
  IntegerConvolution conv3;
  std::optional<IntegerConvolution> downsample;

  std::int64_t out_side() const { return shape.halves ? side / 2 : side; }
};

/// An attention pool on integer kernels, its attention in float32.
struct IntegerPool {
  std::shared_ptr<const Linear> layer;  ///< keeps what `qkv` points to
  const IntegerLinear* qkv;
  std::string qkv_name;
  std::string name;
  at::Tensor positions;  ///< float32 [tokens, width]
  std::int64_t heads;

  std::int64_t tokens() const { return positions.size(0); }
  std::int64_t width() const { return positions.size(1); }
};

/// Blocks [first, last) that the same number of items goes through together: more where maps are
/// small and weights large.
struct ResNetPhase {
  std::size_t first;
  std::size_t last;
  std::int64_t items;
};

/// All layers of a ResNet.
struct ResNetLayers {
  /// @param tower the layers of its ResNet are native
  /// @param name canonical path of the tower
  ResNetLayers(const ResNetTower& tower, const std::string& name);

  std::int64_t resolution;
  std::array<IntegerConvolution, 3> stem;
  std::vector<IntegerBottleneck> blocks;
  std::vector<ResNetPhase> phases;  ///< of all blocks, in their order
  std::optional<IntegerPool> pool;  ///< absent: it isn't native
};

/// The kernels of a layer; null: it isn't native.
const IntegerLinear* integer_of(const std::shared_ptr<const Linear>& layer);

}  // namespace clipq
