#include "clipq/report/against_base.h"

namespace clipq {

std::optional<double> difference_to(const ModelRow& base, const ModelRow& row,
                                    const MetricColumn& column) {
  const auto before = base.metrics.find(column);
  const auto after = row.metrics.find(column);
  if (before == base.metrics.end() || after == row.metrics.end()) return std::nullopt;
  return after->second - before->second;
}

std::optional<PairedDifference> paired_difference_to(const ModelRow& base, const ModelRow& row,
                                                     const MetricColumn& column) {
  const auto before = base.outcomes.find(column);
  const auto after = row.outcomes.find(column);
  if (before == base.outcomes.end() || after == row.outcomes.end()) return std::nullopt;
  return paired_difference(before->second, after->second);
}

std::optional<double> speed_up_over(const ModelRow& base, const ModelRow& row,
                                    const LatencyColumn& column) {
  const auto before = base.latency.find(column);
  const auto after = row.latency.find(column);
  if (before == base.latency.end() || after == row.latency.end()) return std::nullopt;
  if (!after->second.comparable_with(before->second)) return std::nullopt;
  return before->second.stats.median_ms / after->second.stats.median_ms;
}

}  // namespace clipq
