#pragma once

#include <memory>

#include "clipq/model/convolution_window.h"
#include "clipq/model/parts.h"

namespace clipq {

struct ConvolutionShape {
  std::int64_t out_channels;
  std::int64_t in_channels;
  ConvolutionWindow window = {};
  std::shared_ptr<const Linear>* producer = nullptr;  ///< as LinearPart's
};

/// Adds a convolution with a bias.
void add_convolution(ModelParts& parts, const PartPlace& place,
                     std::shared_ptr<const Linear>& layer, const ConvolutionShape& shape);

}  // namespace clipq
