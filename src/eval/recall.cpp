#include "recall.h"

#include <algorithm>

namespace clipq {

Outcomes hits_within(const std::vector<std::int64_t>& ranks, std::int64_t k,
                     const std::vector<std::int64_t>& clusters) {
  return {hits_below(ranks, k), {}, clusters};
}

double share_of_hits(const Outcomes& outcomes) {
  const auto hits = std::count(outcomes.hits.begin(), outcomes.hits.end(), '1');
  return static_cast<double>(hits) / static_cast<double>(outcomes.hits.size());
}

void add_recall(Measurement& measurement, const std::string& name, const Outcomes& outcomes) {
  measurement.metrics.emplace_back(name, share_of_hits(outcomes));
  measurement.outcomes[name] = outcomes;
}

}  // namespace clipq
