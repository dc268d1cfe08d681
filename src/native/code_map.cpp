#include "code_map.h"

#include <cstring>
#include <limits>

namespace clipq {

void CodeMap::resize(std::int64_t items, const Shape& shape, const ConvolutionWindow& window) {
  shape_ = shape;
  window_ = window;
  const auto needed = static_cast<std::size_t>(items * positions() * shape.channels);
  if (needed > capacity_) {
    codes_ = hwy::AllocateAligned<std::uint8_t>(needed);
    capacity_ = needed;
  }
  scales_.resize(static_cast<std::size_t>(items));
}

void CodeMap::spoil(std::int64_t position) {
  scales_[static_cast<std::size_t>(position / positions())].scale =
      std::numeric_limits<float>::quiet_NaN();
}

/// Copies the window whose first position is (y, x), some of it outside of the map.
void CodeMap::copy_at_edge(const std::uint8_t* item, std::int64_t y, std::int64_t x, int zero,
                           std::uint8_t* target) const {
  const auto channels = static_cast<std::size_t>(shape_.channels);
  for (std::int64_t row = y; row < y + window_.side; ++row) {
    for (std::int64_t column = x; column < x + window_.side; ++column, target += channels) {
      if (row < 0 || row >= shape_.height || column < 0 || column >= shape_.width) {
        std::memset(target, zero, channels);
      } else {
        std::memcpy(target, item + (row * shape_.width + column) * shape_.channels, channels);
      }
    }
  }
}

void CodeMap::gather(InputPanel& panel, std::int64_t first, std::int64_t count) const {
  const std::int64_t across = window_.count(shape_.width);
  const std::int64_t line = shape_.width * shape_.channels;
  const auto part = static_cast<std::size_t>(window_.side * shape_.channels);
  panel.resize(count, window_.area() * shape_.channels);
  std::int64_t item = first / windows();
  std::int64_t down = first % windows() / across;
  std::int64_t along = first % across;
  for (std::int64_t i = 0; i < count; ++i) {
    const std::uint8_t* codes = codes_.get() + item * positions() * shape_.channels;
    const RowScale& scale = scales_[static_cast<std::size_t>(item)];
    std::uint8_t* target = panel.assign(i, scale);
    const std::int64_t y = down * window_.stride - window_.padding();
    const std::int64_t x = along * window_.stride - window_.padding();
    const bool is_inside = y >= 0 && y + window_.side <= shape_.height && x >= 0 &&
                           x + window_.side <= shape_.width;
    if (is_inside) {
      const std::uint8_t* source = codes + y * line + x * shape_.channels;
      for (std::int64_t row = 0; row < window_.side; ++row) {
        std::memcpy(target, source, part);
        source += line;
        target += part;
      }
    } else {
      copy_at_edge(codes, y, x, scale.zero_point, target);
    }
    if (++along < across) continue;
    along = 0;
    if (++down < window_.count(shape_.height)) continue;
    down = 0;
    ++item;
  }
}

}  // namespace clipq
