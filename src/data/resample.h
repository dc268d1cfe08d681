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

/// The taps of a row of RGB pixels, laid out for vectors: weights in two parts of 16 bits, so that
/// the products of two taps are summed by one instruction, and taps in groups of four.
class RowTaps {
 public:
  static constexpr std::size_t kGroup = 4;
  static constexpr int kLowBits = 11;  ///< of a weight's lower part, which is never negative

  /// @param origin the pixel that rows begin with
  RowTaps(const std::vector<Taps>& columns, int origin);

  std::size_t columns() const { return columns_; }

  /// Every column has as many; the last ones may weigh nothing.
  std::size_t groups() const { return groups_; }

  /// Weights of a group, of a column and those after it: the upper parts of two taps, their lower
  /// parts, and the same of the next two.
  const std::int16_t* weights(std::size_t group, std::size_t column) const {
    return weights_.data() + place_of(column, group * kGroup);
  }

  /// Where the first taps of a column and of those after it begin in a row.
  const std::size_t* first_bytes(std::size_t column) const { return &first_bytes_[column]; }

  std::int32_t weight(std::size_t column, std::size_t tap) const;

  /// How many bytes past the end of a row may be read.
  std::size_t read_ahead() const { return 3 * kGroup * (groups_ + 1) + 16; }

 private:
  /// As many columns as a vector takes; there are weights and places of as many.
  static constexpr std::size_t kMostAtOnce = 4;

  std::size_t place_of(std::size_t column, std::size_t tap) const;

  std::size_t columns_;
  std::size_t stored_ = 0;  ///< columns with those that fill the last vector
  std::size_t groups_ = 0;
  std::vector<std::int16_t> weights_;
  std::vector<std::size_t> first_bytes_;
};

/// Resamples rows of RGB pixels to one pixel per entry of the taps.
class RowResampler {
 public:
  /// Rows that are worth resampling together.
  static constexpr int kRows = 4;

  /// @param origin the pixel that rows begin with
  RowResampler(const std::vector<Taps>& columns, int origin);

  /// @param rows up to kRows rows, of `pixels` pixels each
  /// @param out [rows][3 * columns]
  void resample(std::span<const std::uint8_t* const> rows, std::size_t pixels, std::uint8_t* out);

 private:
  RowTaps taps_;
  std::vector<std::uint8_t> padded_;  ///< copies of the rows with bytes to read past their ends
};

/// Sums rows of `count` bytes: out[i] = sum over taps of weight * rows[tap][i].
/// @param rows of the first tap; rows are `stride` bytes apart
void resample_column(const std::uint8_t* rows, std::size_t stride, const Taps& taps,
                     std::size_t count, std::uint8_t* out);

}  // namespace clipq
