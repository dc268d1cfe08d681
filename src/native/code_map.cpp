#include "code_map.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <limits>

#include "clipq/kernels/map_kernels.h"

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
  // Threads may spoil the same item.
  std::atomic_ref<float> scale(scales_[static_cast<std::size_t>(position / positions())].scale);
  scale.store(std::numeric_limits<float>::quiet_NaN(), std::memory_order_relaxed);
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
  panel.resize(count, window_.area() * shape_.channels);
  for (std::int64_t done = 0; done < count;) {
    const std::int64_t window = first + done;
    const std::int64_t along = window % across;
    const std::int64_t some = std::min(count - done, across - along);
    gather_line(panel, done, window / across, along, some);
    done += some;
  }
}

/// Windows of one line of the output, as the panel's rows from `row` on.
/// @param line lines of all items are numbered in a row
void CodeMap::gather_line(InputPanel& panel, std::int64_t row, std::int64_t line,
                          std::int64_t along, std::int64_t count) const {
  const std::int64_t down = window_.count(shape_.height);
  const RowScale& scale = scales_[static_cast<std::size_t>(line / down)];
  const std::uint8_t* item = codes_.get() + line / down * positions() * shape_.channels;
  const std::int64_t y = line % down * window_.stride - window_.padding();
  const auto column = [this](std::int64_t window) {
    return window * window_.stride - window_.padding();
  };
  const auto is_inside = [&](std::int64_t window) {
    return y >= 0 && y + window_.side <= shape_.height && column(window) >= 0 &&
           column(window) + window_.side <= shape_.width;
  };
  std::uint8_t* target = panel.assign(row, scale, count);
  const std::int64_t end = along + count;
  while (along < end) {
    std::int64_t inside = along;
    while (inside < end && is_inside(inside)) ++inside;
    if (inside == along) {
      copy_at_edge(item, y, column(along++), scale.zero_point, target);
      target += panel.stride();
      continue;
    }
    const Stretches stretches = {item + (y * shape_.width + column(along)) * shape_.channels,
                                 window_.side * shape_.channels, window_.side,
                                 shape_.width * shape_.channels, window_.stride * shape_.channels};
    copy_stretches(stretches, inside - along, target, panel.stride());
    target += (inside - along) * panel.stride();
    along = inside;
  }
}

}  // namespace clipq
