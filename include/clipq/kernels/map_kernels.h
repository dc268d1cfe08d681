#pragma once

#include <cstddef>
#include <cstdint>

namespace clipq {

/// Stretches of bytes of each window that lie equally far apart.
struct Stretches {
  const std::uint8_t* first;
  std::int64_t bytes;  ///< of a stretch
  std::int64_t count;  ///< stretches of a window
  std::ptrdiff_t step;
  std::ptrdiff_t window_step;
};

/// Copies each window's stretches side by side: those of a window begin `to_stride` after those of
/// the one before.
void copy_stretches(const Stretches& from, std::int64_t windows, std::uint8_t* to,
                    std::ptrdiff_t to_stride);

/// The means of four rows of `width` values: (((a + b) + c) + d) / 4, as avg_pool2d adds them.
void average_rows(const float* const (&rows)[4], std::int64_t width, float* out);

}  // namespace clipq
