#include "clipq/native/columns_by_position.h"

namespace clipq {

bool has_movable_columns(const QuantizerSpec& weight) {
  return format_info(weight.format).codes_per_byte == 1 &&
         weight.granularity != Granularity::kGroup;
}

QuantizedTensor columns_by_position(const QuantizedTensor& weight,
                                    const ConvolutionWindow& window) {
  QuantizedTensor moved = weight;
  moved.codes = columns_by_position(weight.codes, window).contiguous();
  return moved;
}

at::Tensor columns_by_position(const at::Tensor& rows, const ConvolutionWindow& window) {
  std::vector<std::int64_t> shape = rows.sizes().vec();
  shape.back() /= window.area();
  shape.push_back(window.area());
  return rows.reshape(shape).transpose(-2, -1).flatten(-2);
}

}  // namespace clipq
