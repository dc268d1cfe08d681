#include "clipq/native/dequantized_convolution.h"

#include <ATen/ops/empty.h>

#include <algorithm>
#include <optional>
#include <vector>

#include "clipq/core/error.h"
#include "clipq/native/columns_by_position.h"
#include "clipq/native/native_linear.h"
#include "clipq/native/row_panels.h"

namespace clipq {
namespace {

/// Maps of floats [items, height, width, channels], and how windows are taken from them.
struct WindowSource {
  const float* values;
  std::int64_t height;
  std::int64_t width;
  std::int64_t channels;
  ConvolutionWindow window;
  bool by_position;  ///< the order of a window's values; else as in a checkpoint's weights

  std::int64_t across() const { return window.count(width); }
  std::int64_t windows() const { return window.count(height) * across(); }  ///< of an item
  std::int64_t item_values() const { return height * width * channels; }
  const float* item(std::int64_t i) const { return values + i * item_values(); }

  /// Copies window `i` of an item. What lies outside of the map is zero.
  void copy(const float* item, std::int64_t i, float* out) const {
    const std::int64_t top = i / across() * window.stride - window.padding();
    const std::int64_t left = i % across() * window.stride - window.padding();
    for (std::int64_t position = 0; position < window.area(); ++position) {
      const std::int64_t y = top + position / window.side;
      const std::int64_t x = left + position % window.side;
      const bool is_inside = y >= 0 && y < height && x >= 0 && x < width;
      put(is_inside ? item + (y * width + x) * channels : nullptr, position, out);
    }
  }

 private:
  void put(const float* source, std::int64_t position, float* out) const {
    const std::int64_t step = by_position ? 1 : window.area();
    float* target = by_position ? out + position * channels : out + position;
    for (std::int64_t channel = 0; channel < channels; ++channel) {
      target[channel * step] = source == nullptr ? 0 : source[channel];
    }
  }
};

QuantizedTensor ordered(const QuantizedTensor& weight, const ConvolutionWindow& window,
                        bool by_position) {
  return by_position ? columns_by_position(weight, window) : weight;
}

}  // namespace

DequantizedConvolution::DequantizedConvolution(const QuantizedTensor& weight,
                                               const at::Tensor& bias,
                                               const ActivationQuantizer* input,
                                               const FloatPath* path,
                                               const ConvolutionWindow& window)
    : window_(window),
      by_position_(has_movable_columns(weight.spec)),
      linear_(std::make_shared<DequantizedLinear>(ordered(weight, window, by_position_), bias,
                                                  input, path)) {}

at::Tensor DequantizedConvolution::forward(const at::Tensor& x) const {
  return NativeLinear(linear_).forward(by_position_ ? columns_by_position(x, window_) : x);
}

at::Tensor DequantizedConvolution::convolve(const at::Tensor& map,
                                            const ConvolutionWindow& window) const {
  if (window != window_) throw InternalError("a convolution with another window");
  const at::Tensor input = map.contiguous();
  const std::int64_t items = map.size(0);
  const WindowSource source = {
      input.const_data_ptr<float>(), map.size(1), map.size(2), map.size(3), window, by_position_};
  const std::optional<RowScale> shared = linear_->shared_scale(source.values, input.numel());
  std::vector<std::optional<RowScale>> scales(static_cast<std::size_t>(items), shared);
  for (std::int64_t item = 0; item < items && !shared; ++item) {
    scales[item] = linear_->map_scale(source.item(item), source.item_values());
  }
  const std::int64_t width = out_features();
  at::Tensor output =
      at::empty({items, window.count(source.height), source.across(), width}, map.options());
  float* out = output.mutable_data_ptr<float>();
  for_each_panel(
      items * source.windows(), linear_->panel_rows(), [&](std::int64_t first, std::int64_t rows) {
        static thread_local InputPanel panel;
        static thread_local std::vector<float> values;
        values.resize(static_cast<std::size_t>(in_features()));
        linear_->prepare(panel, rows);
        for (std::int64_t row = 0; row < rows; ++row) {
          const std::int64_t item = (first + row) / source.windows();
          source.copy(source.item(item), (first + row) % source.windows(), values.data());
          linear_->load(panel, row, values.data(), scales[item]);
        }
        linear_->run(panel, {out + first * width, width});
      });
  return output;
}

}  // namespace clipq
