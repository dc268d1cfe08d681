#include <algorithm>
#include <cmath>
#include <limits>

#include "histogram_observer.h"

namespace clipq {
namespace {

using Counts = std::vector<std::int64_t>;

double times_log(double x) { return x == 0 ? 0 : x * std::log(x); }

/// The Kullback-Leibler divergences of one histogram from what is left of it when a window of its
/// bins is merged into few levels. Sums from the first bin on make each cost O(levels).
class Divergences {
 public:
  explicit Divergences(const Counts& counts)
      : values_(counts.size() + 1), filled_(counts.size() + 1), logs_(counts.size() + 1) {
    for (std::size_t bin = 0; bin < counts.size(); ++bin) {
      const auto count = static_cast<double>(counts[bin]);
      values_[bin + 1] = values_[bin] + count;
      filled_[bin + 1] = filled_[bin] + (count > 0 ? 1 : 0);
      logs_[bin + 1] = logs_[bin] + times_log(count);
    }
  }

  /// KL(P || Q) for the bins [begin, end), of which there are at least `levels`.
  /// P: the counts, with those outside the window added to its end bins. Q: the counts inside
  /// merged into levels, each spread evenly over its bins that aren't empty.
  double of(std::int64_t begin, std::int64_t end, std::int64_t levels) const {
    const double below = values_[begin];
    const double above = values_.back() - values_[end];
    double own = logs_[end] - logs_[begin];  // the sum of P log P
    own += times_log(count_at(begin) + below) - times_log(count_at(begin));
    own += times_log(count_at(end - 1) + above) - times_log(count_at(end - 1));
    if ((below > 0 && count_at(begin) == 0) || (above > 0 && count_at(end - 1) == 0)) {
      return std::numeric_limits<double>::infinity();  // P is there where Q is not
    }
    double cross = 0;  // the sum of P log Q
    for (std::int64_t level = 0; level < levels; ++level) {
      const std::int64_t first = begin + first_bin(level, end - begin, levels);
      const std::int64_t past = begin + first_bin(level + 1, end - begin, levels);
      const double inside = values_[past] - values_[first];
      if (inside == 0) continue;
      const double outside = (first == begin ? below : 0) + (past == end ? above : 0);
      cross += (inside + outside) * std::log(inside / (filled_[past] - filled_[first]));
    }
    const double all = values_.back();
    return (own - cross) / all + std::log((values_[end] - values_[begin]) / all);
  }

 private:
  double count_at(std::int64_t bin) const { return values_[bin + 1] - values_[bin]; }

  /// The first bin of a level: the least whose bin * levels / bins isn't below the level.
  static std::int64_t first_bin(std::int64_t level, std::int64_t bins, std::int64_t levels) {
    return (level * bins + levels - 1) / levels;
  }

  // Element i is the sum over the bins before i.
  std::vector<double> values_;
  std::vector<double> filled_;  // 1 for a bin that isn't empty
  std::vector<double> logs_;    // of count * log(count)
};

/// As the Model Optimizer does, the bin next to zero is given the count of its neighbour, so that
/// exact zeros don't outweigh the rest; with two sides, on each.
Counts without_zeros(Counts counts, std::size_t zero) {
  counts[zero] = counts[zero + 1];
  if (zero > 0) counts[zero - 1] = counts[zero - 2];
  return counts;
}

class EntropyObserver final : public HistogramObserver {
 public:
  using HistogramObserver::HistogramObserver;

 protected:
  Extremes choose() const override {
    const std::int64_t zero = symmetric() ? 0 : Histogram::kBins;
    const Divergences divergences(
        without_zeros(symmetric() ? histogram().magnitude_counts() : histogram().counts(), zero));
    const bool has_below = !symmetric() && extremes().min < 0;
    const std::int64_t below = has_below ? bins_to(-extremes().min) : 0;
    const std::int64_t above = bins_to(symmetric() ? extremes().magnitude() : extremes().max);
    std::int64_t best = std::max(below, above);  // bins a side: nothing is clipped
    double smallest = std::numeric_limits<double>::infinity();
    for (std::int64_t clip = 1; clip <= std::max(below, above); ++clip) {
      const std::int64_t begin = zero - std::min(clip, below);
      const std::int64_t end = zero + std::min(clip, above);
      if (end - begin < levels()) continue;
      const double divergence = divergences.of(begin, end, levels());
      if (divergence > smallest) continue;  // of equals the widest
      smallest = divergence;
      best = clip;
    }
    const double edge = static_cast<double>(best) * histogram().bin_width();
    return clamped(-edge, edge);
  }

 private:
  /// How many codes the bins share: those from 0 up, unless there are codes of both signs for them.
  std::int64_t levels() const {
    const auto max_code = static_cast<std::int64_t>(spec().max_code());
    const bool from_zero = symmetric() || spec().is_affine();
    return (from_zero ? 0 : max_code) + max_code + 1;
  }

  /// How many bins reach from zero to the magnitude; 0 for a negative one.
  std::int64_t bins_to(double magnitude) const {
    if (magnitude < 0) return 0;
    return static_cast<std::int64_t>(magnitude / histogram().bin_width()) + 1;
  }
};

}  // namespace

std::unique_ptr<Observer> make_entropy_observer(const QuantizerSpec& spec, double /*parameter*/) {
  return std::make_unique<EntropyObserver>(spec);
}

}  // namespace clipq
