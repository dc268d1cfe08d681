#include "clipq/numerics/outliers.h"

#include <ATen/ops/nonzero.h>

namespace clipq {
namespace {

/// @param peaks the largest magnitude of each: float32 [n]
Outliers outliers_of(const at::Tensor& peaks) {
  Outliers outliers;
  outliers.count = peaks.size(0);
  const at::Tensor positive = peaks.masked_select(peaks.gt(0));
  if (positive.size(0) == 0) return outliers;
  const at::Tensor ratios = peaks.div(positive.median());
  outliers.ratio = ratios.max().item<double>();
  const at::Tensor beyond = ratios.gt(kOutlierRatio).nonzero().flatten().contiguous();
  const auto* indices = beyond.const_data_ptr<std::int64_t>();
  outliers.indices.assign(indices, indices + beyond.size(0));
  return outliers;
}

at::Tensor magnitudes(const at::Tensor& rows) { return rows.reshape({-1, rows.size(-1)}).abs(); }

}  // namespace

Json to_json(const OutlierSummary& summary) {
  return {{"ratio", summary.ratio}, {"share", summary.share}};
}

OutlierSummary Outliers::summary() const {
  if (count == 0) return {};
  return {ratio, static_cast<double>(indices.size()) / static_cast<double>(count)};
}

Outliers outlier_tokens(const at::Tensor& rows) { return outliers_of(magnitudes(rows).amax({1})); }

Outliers outlier_channels(const at::Tensor& rows) {
  return outliers_of(magnitudes(rows).amax({0}));
}

}  // namespace clipq
