#pragma once

#include <string>
#include <vector>

#include "clipq/eval/task.h"

namespace clipq {

/// For each rank, whether it is below k: the text of Outcomes::hits.
template <typename Rank>
std::string hits_below(const std::vector<Rank>& ranks, Rank k) {
  std::string hits;
  for (const Rank rank : ranks) hits.push_back(rank < k ? '1' : '0');
  return hits;
}

/// Which queries have their right answer among the first k.
/// @param ranks of the right answers, from 0
/// @param clusters lengths of runs of queries that belong together; empty: none do
Outcomes hits_within(const std::vector<std::int64_t>& ranks, std::int64_t k,
                     const std::vector<std::int64_t>& clusters);

/// The share of hits.
double share_of_hits(const Outcomes& outcomes);

/// Adds recall@k and its outcomes.
void add_recall(Measurement& measurement, const std::string& name, const Outcomes& outcomes);

}  // namespace clipq
