#pragma once

#include <ATen/core/Tensor.h>

#include "clipq/core/json.h"
#include "clipq/numerics/histogram.h"

namespace clipq {

/// Bins of the histograms that Results carry: an odd number, so that zero is in the middle of one
/// where the range is symmetric.
inline constexpr std::int64_t kShownBins = 97;

/// {"low", "high", "counts"}: counts of `values` (float32, any shape) in kShownBins bins of equal
/// width between low and high. What lies beyond is counted in the outermost bins.
Json histogram_json(const at::Tensor& values, double low, double high);

/// The same of what a Histogram has counted, between its extremes; bins of it that lie across an
/// edge are counted where their middle is.
Json histogram_json(const Histogram& histogram);

}  // namespace clipq
