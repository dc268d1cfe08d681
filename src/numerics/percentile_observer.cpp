#include <algorithm>
#include <numeric>

#include "histogram_observer.h"

namespace clipq {
namespace {

using Counts = std::vector<std::int64_t>;

/// How many of the bins, from the first on, hold at least this share of all counts.
std::int64_t bins_holding(const Counts& counts, double share) {
  const auto all = static_cast<double>(std::accumulate(counts.begin(), counts.end(), 0LL));
  std::int64_t held = 0;
  const auto last = std::find_if(counts.begin(), counts.end(), [&](std::int64_t count) {
    held += count;
    return static_cast<double>(held) >= share * all;
  });
  return last - counts.begin() + 1;
}

class PercentileObserver final : public HistogramObserver {
 public:
  PercentileObserver(const QuantizerSpec& spec, double percentile)
      : HistogramObserver(spec), share_(percentile / 100) {}

 protected:
  Extremes choose() const override {
    const double width = histogram().bin_width();
    if (symmetric()) {
      const double edge =
          width * static_cast<double>(bins_holding(histogram().magnitude_counts(), share_));
      const auto amax = static_cast<float>(std::min<double>(edge, extremes().magnitude()));
      return {-amax, amax};
    }
    const Counts& rising = histogram().counts();
    const Counts falling(rising.rbegin(), rising.rend());
    return clamped(width * static_cast<double>(Histogram::kBins - bins_holding(falling, share_)),
                   width * static_cast<double>(bins_holding(rising, share_) - Histogram::kBins));
  }

 private:
  double share_;  // of the values inside the range (unless symmetric: inside each end of it)
};

}  // namespace

std::unique_ptr<Observer> make_percentile_observer(const QuantizerSpec& spec, double parameter) {
  return std::make_unique<PercentileObserver>(spec, parameter);
}

}  // namespace clipq
