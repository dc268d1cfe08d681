#pragma once

#include <hwy/aligned_allocator.h>

#include <cstdint>
#include <vector>

#include "clipq/kernels/panel_linear.h"
#include "clipq/model/convolution_window.h"

namespace clipq {

/// Maps of one size, an item each, as a convolution reads them: codes [items, height, width,
/// channels] with a border of the code of zero, which the windows at the edges reach into.
class CodeMap {
 public:
  struct Shape {
    std::int64_t height;
    std::int64_t width;
    std::int64_t channels;
  };

  /// Makes room; keeps what is large enough.
  void resize(std::int64_t items, const Shape& shape, const ConvolutionWindow& window);

  /// Says what an item's codes mean, and writes its border.
  void set_scale(std::int64_t item, const RowScale& scale);

  /// Where the codes of a position [channels] go; positions of all items are numbered in a row,
  /// and those of one line of a map lie side by side.
  std::uint8_t* at(std::int64_t position);

  const RowScale& scale(std::int64_t item) const {
    return scales_[static_cast<std::size_t>(item)];
  }
  /// Gives all windows of a position's item the scale NaN.
  void spoil(std::int64_t position);

  const Shape& shape() const { return shape_; }
  std::int64_t items() const { return static_cast<std::int64_t>(scales_.size()); }
  std::int64_t positions() const { return shape_.height * shape_.width; }
  std::int64_t windows() const {
    return window_.count(shape_.height) * window_.count(shape_.width);
  }

  /// Makes the panel's rows the windows from `first` on, in the order [row, column, channel];
  /// windows of all items are numbered in a row.
  void gather(InputPanel& panel, std::int64_t first, std::int64_t count) const;

 private:
  std::int64_t padded_width() const { return shape_.width + 2 * window_.padding(); }
  std::int64_t item_bytes() const {
    return (shape_.height + 2 * window_.padding()) * padded_width() * shape_.channels;
  }

  Shape shape_{};
  ConvolutionWindow window_;
  hwy::AlignedFreeUniquePtr<std::uint8_t[]> codes_;
  std::size_t capacity_ = 0;
  std::vector<RowScale> scales_;
};

}  // namespace clipq
