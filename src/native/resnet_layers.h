#pragma once

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "clipq/kernels/integer_linear.h"
#include "clipq/model/resnet.h"

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

/// Blocks [first, last) that the same number of items goes through together: more where maps are
/// small and weights large.
struct ResNetPhase {
  std::size_t first;
  std::size_t last;
  std::int64_t items;
};

/// All layers of a ResNet.
struct ResNetLayers {
  /// @param resnet its layers are native
  ResNetLayers(const ResNet& resnet, std::int64_t resolution, const std::string& tower);

  std::int64_t resolution;
  std::array<IntegerConvolution, 3> stem;
  std::vector<IntegerBottleneck> blocks;
  std::vector<ResNetPhase> phases;  ///< of all blocks, in their order
};

/// The kernels of a layer; null: it isn't native.
const IntegerLinear* integer_of(const std::shared_ptr<const Linear>& layer);

}  // namespace clipq
