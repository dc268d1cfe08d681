#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace clipq {

/// How similarly two models rank the same candidates.
struct RankCorrelation {
  double mean = 0;           ///< of the rows' Spearman correlations, in [-1, 1]; NaN without rows
  std::int64_t queries = 0;  ///< rows that have one
};

/// Spearman's rank correlation of each row of `a` with the same row of `b`, equal scores getting
/// their average rank (scipy.stats.spearmanr). A row whose scores are all equal in `a` or in `b`
/// has none (scipy: NaN) and is skipped; so is every row if there is only one candidate.
/// @param a, b float32 or float64 [queries, candidates]
/// Throws InputError if shapes differ or a score is NaN, Interrupted after Ctrl-C.
RankCorrelation rank_correlation(const at::Tensor& a, const at::Tensor& b);

}  // namespace clipq
