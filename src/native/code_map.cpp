#include "code_map.h"

#include <cstring>
#include <limits>

namespace clipq {

void CodeMap::resize(std::int64_t items, const Shape& shape, const ConvolutionWindow& window) {
  shape_ = shape;
  window_ = window;
  const auto needed = static_cast<std::size_t>(items * item_bytes());
  if (needed > capacity_) {
    codes_ = hwy::AllocateAligned<std::uint8_t>(needed);
    capacity_ = needed;
  }
  scales_.resize(static_cast<std::size_t>(items));
}

void CodeMap::set_scale(std::int64_t item, const RowScale& scale) {
  scales_[static_cast<std::size_t>(item)] = scale;
  const std::int64_t side = window_.padding() * shape_.channels;
  const std::int64_t row = padded_width() * shape_.channels;
  const std::int64_t rows = shape_.height + 2 * window_.padding();
  std::uint8_t* begin = codes_.get() + item * item_bytes();
  const auto fill = [zero = scale.zero_point](std::uint8_t* codes, std::int64_t count) {
    std::memset(codes, zero, static_cast<std::size_t>(count));
  };
  const std::int64_t above = window_.padding() * row;
  fill(begin, above);
  fill(begin + rows * row - above, above);
  for (std::int64_t y = window_.padding(); y < rows - window_.padding(); ++y) {
    fill(begin + y * row, side);
    fill(begin + (y + 1) * row - side, side);
  }
}

std::uint8_t* CodeMap::at(std::int64_t position) {
  const std::int64_t item = position / positions();
  const std::int64_t y = position % positions() / shape_.width + window_.padding();
  const std::int64_t x = position % shape_.width + window_.padding();
  return codes_.get() + item * item_bytes() + (y * padded_width() + x) * shape_.channels;
}

void CodeMap::spoil(std::int64_t position) {
  scales_[static_cast<std::size_t>(position / positions())].scale =
      std::numeric_limits<float>::quiet_NaN();
}

void CodeMap::gather(InputPanel& panel, std::int64_t first, std::int64_t count) const {
  const auto part = static_cast<std::size_t>(window_.side * shape_.channels);
  const std::int64_t row = padded_width() * shape_.channels;
  const std::int64_t across = window_.count(shape_.width);
  panel.resize(count, window_.area() * shape_.channels);
  for (std::int64_t i = 0; i < count; ++i) {
    const std::int64_t item = (first + i) / windows();
    const std::int64_t within = (first + i) % windows();
    const std::uint8_t* source = codes_.get() + item * item_bytes() +
                                 within / across * window_.stride * row +
                                 within % across * window_.stride * shape_.channels;
    std::uint8_t* target = panel.assign(i, scales_[static_cast<std::size_t>(item)]);
    for (std::int64_t y = 0; y < window_.side; ++y) {
      std::memcpy(target, source, part);
      source += row;
      target += part;
    }
  }
}

}  // namespace clipq
