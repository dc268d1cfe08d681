#include "clipq/native/native_linear.h"

#include <ATen/ops/empty.h>

#include <utility>

#include "clipq/core/error.h"
#include "clipq/native/row_panels.h"

namespace clipq {

NativeLinear::NativeLinear(std::shared_ptr<const PanelLinear> panels)
    : panels_(std::move(panels)) {}

at::Tensor NativeLinear::forward(const at::Tensor& x) const {
  return forward_part(x, 0, out_features());
}

at::Tensor NativeLinear::convolve(const at::Tensor& map, const ConvolutionWindow& window) const {
  if (window != ConvolutionWindow()) throw InternalError("a linear layer that is given windows");
  return forward(map);
}

at::Tensor NativeLinear::forward_part(const at::Tensor& x, std::int64_t first,
                                      std::int64_t count) const {
  const at::Tensor input = x.contiguous();
  std::vector<std::int64_t> shape = x.sizes().vec();
  shape.back() = count;
  at::Tensor output = at::empty(shape, x.options());
  const std::int64_t width = in_features();
  const float* values = input.const_data_ptr<float>();
  const std::optional<RowScale> shared = panels_->shared_scale(values, input.numel());
  float* out = output.mutable_data_ptr<float>();
  for_each_panel(input.numel() / width, panels_->panel_rows(),
                 [&](std::int64_t row, std::int64_t rows) {
                   static thread_local InputPanel panel;
                   panels_->load_rows(panel, values + row * width, rows, width, shared);
                   panels_->run(panel, first, count, {out + row * count, count});
                 });
  return output;
}

}  // namespace clipq
