#include <ATen/ops/dot.h>
#include <ATen/ops/tensor.h>

#include <algorithm>

#include "histogram_observer.h"

namespace clipq {
namespace {

/// Clippings are tried at multiples of 1/kSteps of the largest magnitude, from kFirstStep on.
constexpr int kSteps = 200;
constexpr int kFirstStep = 10;

/// Stands for the values of a histogram, one point a bin.
struct Points {
  at::Tensor values;  // float32 [points]: centres of bins, but never beyond the extremes
  at::Tensor counts;  // float64 [points]
};

Points points_of(const Histogram& histogram) {
  std::vector<float> values;
  std::vector<double> counts;
  for (int bin = 0; bin < 2 * Histogram::kBins; ++bin) {
    if (histogram.counts()[bin] == 0) continue;
    const double centre = (bin - Histogram::kBins + 0.5) * histogram.bin_width();
    values.push_back(static_cast<float>(
        std::clamp<double>(centre, histogram.extremes().min, histogram.extremes().max)));
    counts.push_back(static_cast<double>(histogram.counts()[bin]));
  }
  return {at::tensor(values), at::tensor(counts)};
}

class MseObserver final : public HistogramObserver {
 public:
  using HistogramObserver::HistogramObserver;

 protected:
  Extremes choose() const override {
    const Points points = points_of(histogram());
    Extremes best = extremes();
    double smallest = error(points, best);
    for (int step = kSteps - 1; step >= kFirstStep; --step) {
      const double clip = static_cast<double>(extremes().magnitude()) * step / kSteps;
      const Extremes candidate = clamped(-clip, clip);
      const double error_here = error(points, candidate);
      if (error_here >= smallest) continue;
      smallest = error_here;
      best = candidate;
    }
    return best;
  }

 private:
  /// The summed squared error of quantizing the points over that range.
  double error(const Points& points, const Extremes& range) const {
    const at::Tensor difference =
        simulate(points.values, spec(), scales_for(spec(), range.range())).sub_(points.values);
    return at::dot(difference.to(at::kDouble).square_(), points.counts).item<double>();
  }
};

}  // namespace

std::unique_ptr<Observer> make_mse_observer(const QuantizerSpec& spec, double /*parameter*/) {
  return std::make_unique<MseObserver>(spec);
}

}  // namespace clipq
