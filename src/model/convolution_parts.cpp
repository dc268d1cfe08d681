#include "convolution_parts.h"

namespace clipq {

void add_convolution(ModelParts& parts, const PartPlace& place,
                     std::shared_ptr<const Linear>& layer, const ConvolutionShape& shape) {
  const ConvolutionWindow& window = shape.window;
  const StoredLinear stored = {place.name + ".weight",
                               {shape.out_channels, shape.in_channels, window.side, window.side},
                               false,
                               place.name + ".bias"};
  LinearPart part = {place, &layer, shape.out_channels, shape.in_channels * window.area(), stored};
  part.window = window;
  part.producer = shape.producer;
  parts.linears.push_back(part);
}

}  // namespace clipq
