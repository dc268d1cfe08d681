#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "clipq/numerics/extremes.h"

namespace clipq {

/// Counts of values in bins of equal width, negative and positive values apart.
/// The width is the smallest power of two (at least 2^-126) for which the largest magnitude falls
/// inside kBins bins; it doubles, merging neighbouring bins, when a larger value comes. So the same
/// values lead to the same histogram in whatever order and portions they are added or merged.
class Histogram {
 public:
  static constexpr int kBins = 2048;  ///< on each side of zero

  /// Counts the values of `x` (float32, any shape). Values that aren't finite are passed over.
  void add(const at::Tensor& x);

  /// Adds all that the other has counted.
  void merge(const Histogram& other);

  bool operator==(const Histogram&) const = default;

  /// How many values have been counted.
  std::int64_t count() const;

  /// The exact smallest and largest value counted.
  const Extremes& extremes() const { return extremes_; }

  double bin_width() const;

  /// Of all 2 * kBins bins, by rising value. counts()[kBins + i] are the values from i to i + 1
  /// widths, the lower end (and zero) included; counts()[kBins - 1 - i] their negatives.
  const std::vector<std::int64_t>& counts() const { return counts_; }

  /// Of the kBins bins of |x|: both sides added up.
  std::vector<std::int64_t> magnitude_counts() const;

  ObserverState state() const;

  /// The inverse of state(). Throws InputError if it isn't such a state.
  static Histogram from_state(const ObserverState& state);

 private:
  int exponent() const;

  /// Makes room for values between these.
  void widen(const Extremes& extremes);

  Extremes extremes_;
  std::vector<std::int64_t> counts_ = std::vector<std::int64_t>(2 * kBins);
};

}  // namespace clipq
