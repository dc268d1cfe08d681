#pragma once

#include <string>

#include "clipq/model/convolution_window.h"
#include "clipq/model/linear.h"
#include "graph_builder.h"

namespace clipq {

/// A map as runtimes like it, channels first: [batch, channels, side, side].
struct OnnxMap {
  std::string value;
  std::int64_t channels;
  std::int64_t side;
};

/// x through a convolution. The layer's name is the scope.
OnnxMap write_convolution(GraphBuilder& graph, const OnnxMap& x, const Linear& layer,
                          const ConvolutionWindow& window);

/// The means of squares of 2 x 2 positions.
OnnxMap write_average_pool(GraphBuilder& graph, const OnnxMap& x);

OnnxMap write_relu(GraphBuilder& graph, const OnnxMap& x);

}  // namespace clipq
