#include "value_histogram.h"

#include <ATen/ops/histc.h>

#include <algorithm>
#include <cmath>
#include <vector>

namespace clipq {
namespace {

Json as_json(double low, double high, const std::vector<std::int64_t>& counts) {
  return {{"low", low}, {"high", high}, {"counts", counts}};
}

}  // namespace

Json histogram_json(const at::Tensor& values, double low, double high) {
  const at::Tensor counted =
      at::histc(values.reshape({-1}).clamp(low, high), kShownBins, low, high).to(at::kLong);
  const auto* begin = counted.const_data_ptr<std::int64_t>();
  return as_json(low, high, {begin, begin + kShownBins});
}

Json histogram_json(const Histogram& histogram) {
  std::vector<std::int64_t> counts(kShownBins);
  if (histogram.count() == 0) return as_json(0, 0, counts);
  const double low = histogram.extremes().min;
  const double high = histogram.extremes().max;
  const double width = high > low ? high - low : 1;
  for (std::int64_t bin = 0; bin < 2 * Histogram::kBins; ++bin) {
    const double middle =
        (static_cast<double>(bin - Histogram::kBins) + 0.5) * histogram.bin_width();
    const double place = std::floor((middle - low) / width * kShownBins);
    const double inside = std::clamp(place, 0.0, static_cast<double>(kShownBins - 1));
    counts[static_cast<std::size_t>(inside)] += histogram.counts()[static_cast<std::size_t>(bin)];
  }
  return as_json(low, high, counts);
}

}  // namespace clipq
