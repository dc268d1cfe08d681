#pragma once

#include <hwy/aligned_allocator.h>

#include <cstdint>
#include <vector>

#include "clipq/kernels/panel_linear.h"
#include "clipq/model/convolution_window.h"

namespace clipq {

/// Maps of one size, an item each, as a convolution reads them: codes [items, height, width,
/// channels]. Positions of all items are numbered in a row; their codes lie side by side.
class CodeMap {
 public:
  struct Shape {
    std::int64_t height;
    std::int64_t width;
    std::int64_t channels;
  };

  /// Makes room; keeps what is large enough.
  void resize(std::int64_t items, const Shape& shape, const ConvolutionWindow& window);

  /// Says what an item's codes mean.
  void set_scale(std::int64_t item, const RowScale& scale) {
    scales_[static_cast<std::size_t>(item)] = scale;
  }
  const RowScale& scale(std::int64_t item) const { return scales_[static_cast<std::size_t>(item)]; }
  /// Gives all windows of a position's item the scale NaN.
  void spoil(std::int64_t position);

  /// Where the codes of a position go.
  std::uint8_t* at(std::int64_t position) { return codes_.get() + position * shape_.channels; }

  const Shape& shape() const { return shape_; }
  std::int64_t items() const { return static_cast<std::int64_t>(scales_.size()); }
  std::int64_t positions() const { return shape_.height * shape_.width; }
  std::int64_t windows() const {
    return window_.count(shape_.height) * window_.count(shape_.width);
  }

  /// Makes the panel's rows the windows from `first` on, in the order [row, column, channel]; what
  /// lies outside of a map has the code of zero. Windows of all items are numbered in a row.
  void gather(InputPanel& panel, std::int64_t first, std::int64_t count) const;

 private:
  void gather_line(InputPanel& panel, std::int64_t row, std::int64_t line, std::int64_t along,
                   std::int64_t count) const;
  void copy_at_edge(const std::uint8_t* item, std::int64_t y, std::int64_t x, int zero,
                    std::uint8_t* target) const;

  Shape shape_{};
  ConvolutionWindow window_;
  hwy::AlignedFreeUniquePtr<std::uint8_t[]> codes_;
  std::size_t capacity_ = 0;
  std::vector<RowScale> scales_;
};

}  // namespace clipq
