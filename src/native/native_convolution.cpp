#include "clipq/native/native_convolution.h"

#include <ATen/ops/empty.h>

#include <utility>

#include "clipq/core/error.h"
#include "clipq/native/columns_by_position.h"
#include "clipq/native/native_linear.h"
#include "clipq/native/row_panels.h"
#include "code_map.h"
#include "quantize_map.h"

namespace clipq {

NativeConvolution::NativeConvolution(std::shared_ptr<const IntegerLinear> integer,
                                     const ConvolutionWindow& window)
    : integer_(std::move(integer)), window_(window) {}

at::Tensor NativeConvolution::forward(const at::Tensor& x) const {
  return NativeLinear(integer_).forward(columns_by_position(x, window_));
}

at::Tensor NativeConvolution::convolve(const at::Tensor& map,
                                       const ConvolutionWindow& window) const {
  if (window != window_) throw InternalError("a convolution with another window");
  const at::Tensor input = map.contiguous();
  const std::int64_t items = map.size(0);
  const CodeMap::Shape shape = {map.size(1), map.size(2), map.size(3)};
  CodeMap codes;
  codes.resize(items, shape, window);
  const float* values = input.const_data_ptr<float>();
  const CodeRule rule = integer_->rule_for(values, input.numel());
  quantize_map(values, rule, codes);
  const std::int64_t out_features = integer_->out_features();
  at::Tensor output = at::empty(
      {items, window.count(shape.height), window.count(shape.width), out_features}, map.options());
  float* out = output.mutable_data_ptr<float>();
  for_each_panel(items * codes.windows(), integer_->panel_rows(),
                 [&](std::int64_t row, std::int64_t rows) {
                   static thread_local InputPanel panel;
                   codes.gather(panel, row, rows);
                   integer_->run(panel, 0, out_features, {out + row * out_features, out_features});
                 });
  return output;
}

}  // namespace clipq
