#include "clipq/kernels/panel_linear.h"

#include <algorithm>
#include <cmath>

#include "clipq/kernels/integer_path.h"

namespace clipq {

void InputPanel::resize(std::int64_t rows, std::int64_t width) {
  rows_ = rows;
  width_ = width;
  stride_ = code_stride(width);
  constexpr std::int64_t kReadable = 32;
  const std::int64_t readable = (rows + kReadable - 1) / kReadable * kReadable;
  const auto needed = static_cast<std::size_t>(readable * stride_);
  if (needed > capacity_) {
    codes_ = hwy::AllocateAligned<std::uint8_t>(needed);
    capacity_ = needed;
  }
  if (scales_.size() < static_cast<std::size_t>(rows))
    scales_.resize(static_cast<std::size_t>(rows));
}

std::uint8_t* InputPanel::receive(const CodeRule& rule, const RowScale* sources) {
  const RowScale scale = {rule.scale, static_cast<std::int32_t>(rule.zero_point)};
  for (std::int64_t row = 0; row < rows_; ++row) {
    RowScale& own = scales_[static_cast<std::size_t>(row)];
    own = scale;
    if (std::isnan(sources[row].scale)) own.scale = sources[row].scale;  // a row of NaNs stays one
    std::uint8_t* codes = codes_.get() + row * stride_;
    std::fill(codes + width_, codes + stride_, std::uint8_t{0});
  }
  return codes_.get();
}

float* InputPanel::receive_floats() {
  std::fill_n(scales_.begin(), rows_, RowScale{1, 0});
  return reinterpret_cast<float*>(codes_.get());
}

bool InputPanel::has_one_scale() const {
  const auto end = scales_.begin() + rows_;
  return std::all_of(scales_.begin(), end, [&](const RowScale& row) {
    return row.scale == scales_.front().scale && row.zero_point == scales_.front().zero_point;
  });
}

std::uint8_t* InputPanel::assign(std::int64_t row, const RowScale& scale, std::int64_t count) {
  std::uint8_t* codes = codes_.get() + row * stride_;
  for (std::int64_t i = 0; i < count; ++i) {
    scales_[static_cast<std::size_t>(row + i)] = scale;
    std::fill(codes + i * stride_ + width_, codes + (i + 1) * stride_, std::uint8_t{0});
  }
  return codes;
}

void InputPanel::quantize(std::int64_t row, const float* x, const CodeRule& rule) {
  std::uint8_t* codes = assign(row, {});
  scales_[static_cast<std::size_t>(row)] = quantize_row(x, width_, rule, codes);
}

void PanelLinear::load_rows(InputPanel& panel, const float* x, std::int64_t rows,
                            std::int64_t stride, const std::optional<RowScale>& shared) const {
  prepare(panel, rows);
  for (std::int64_t row = 0; row < rows; ++row) load(panel, row, x + row * stride, shared);
}

bool PanelLinear::run_into(const InputPanel& panel, Activation activation, const PanelLinear& next,
                           InputPanel& next_panel) const {
  if (!next.takes_floats()) return false;
  next.prepare(next_panel, panel.rows());
  constexpr auto kFloatBytes = static_cast<std::ptrdiff_t>(sizeof(float));
  run(panel, {.out = next_panel.receive_floats(),
              .stride = next_panel.stride() / kFloatBytes,
              .activation = activation});
  return true;
}

}  // namespace clipq
