#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace clipq {

/// Binary digits of the fraction of a tap's weight.
inline constexpr int kTapFractionBits = 32 - 8 - 2;

/// The source pixels that make one output pixel, with fixed-point weights.
struct Taps {
  int first = 0;
  std::vector<std::int32_t> weights;

  int end() const { return first + static_cast<int>(weights.size()); }
};

/// Resamples rows of RGB pixels to one pixel per entry of the taps.
class RowResampler {
 public:
  /// Rows that are worth resampling together.
  static constexpr int kRows = 4;

  /// @param columns must live as long
  explicit RowResampler(const std::vector<Taps>& columns);

  /// @param rows up to kRows rows, of `pixels` pixels each; the first is the one that taps call 0
  /// @param out [rows][3 * columns]
  void resample(std::span<const std::uint8_t* const> rows, std::size_t pixels, std::uint8_t* out);

 private:
  const std::vector<Taps>& columns_;
  std::vector<std::int32_t> weights_;      ///< of each tap four times, the last one zero
  std::vector<std::size_t> first_weight_;  ///< of each column
  std::vector<std::uint8_t> padded_;       ///< copies of the rows with bytes to read behind them
};

/// Sums rows of `count` bytes: out[i] = sum over taps of weight * rows[tap][i].
/// @param rows of the first tap; rows are `stride` bytes apart
void resample_column(const std::uint8_t* rows, std::size_t stride, const Taps& taps,
                     std::size_t count, std::uint8_t* out);

}  // namespace clipq
