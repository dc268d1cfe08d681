#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "clipq/core/json.h"

namespace clipq {

/// A token or a channel is an outlier if its largest magnitude is more than this many times the
/// median of all tokens' or channels'.
inline constexpr double kOutlierRatio = 8;

/// How far outliers lie above the others, and how many there are.
struct OutlierSummary {
  double ratio = 0;  ///< the largest magnitude over the median of all
  double share = 0;  ///< of those beyond kOutlierRatio, in [0, 1]
};

/// {"ratio", "share"}
Json to_json(const OutlierSummary& summary);

/// Which of a layer's tokens, or of its channels, hold values far larger than the others'.
struct Outliers {
  double ratio = 0;                   ///< the largest magnitude over the median of all
  std::vector<std::int64_t> indices;  ///< of those beyond kOutlierRatio, rising
  std::int64_t count = 0;             ///< tokens or channels looked at

  OutlierSummary summary() const;
};

/// Of rows, which are tokens: float32 [..., channels]. What is zero throughout doesn't count for
/// the median.
Outliers outlier_tokens(const at::Tensor& rows);

/// Of their channels.
Outliers outlier_channels(const at::Tensor& rows);

}  // namespace clipq
