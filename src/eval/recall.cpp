#include "recall.h"

#include <algorithm>

namespace clipq {

Outcomes hits_within(const std::vector<std::int64_t>& ranks, std::int64_t k,
                     const std::vector<std::int64_t>& clusters) {
  Outcomes outcomes;
  for (const std::int64_t rank : ranks) outcomes.hits.push_back(rank < k ? '1' : '0');
  outcomes.clusters = clusters;
  return outcomes;
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
