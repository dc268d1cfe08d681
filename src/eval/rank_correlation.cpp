#include "clipq/eval/rank_correlation.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <utility>
#include <vector>

#include "clipq/core/error.h"
#include "clipq/core/progress.h"
#include "clipq/core/strings.h"

namespace clipq {
namespace {

using ScoreAndIndex = std::pair<double, std::int64_t>;

std::vector<ScoreAndIndex> sorted_row(const at::Tensor& scores, std::int64_t query) {
  const at::Tensor row = scores[query].to(at::kDouble).contiguous();
  const double* values = row.const_data_ptr<double>();
  std::vector<ScoreAndIndex> order;
  order.reserve(static_cast<std::size_t>(row.numel()));
  for (std::int64_t i = 0; i < row.numel(); ++i) {
    if (std::isnan(values[i])) {
      throw InputError(cat("rank correlation: query ", query, " has score NaN for candidate ", i,
                           "; check the model that produced it"));
    }
    order.emplace_back(values[i], i);
  }
  std::sort(order.begin(), order.end());
  return order;
}

/// Twice the deviation of each candidate's average rank from the mean rank: integers, so that their
/// products sum exactly.
std::vector<double> rank_deviations(const std::vector<ScoreAndIndex>& order) {
  std::vector<double> deviations(order.size());
  for (std::size_t begin = 0; begin < order.size();) {
    std::size_t end = begin + 1;
    while (end < order.size() && order[end].first == order[begin].first) ++end;
    const double deviation = static_cast<double>(begin + end) - static_cast<double>(order.size());
    for (; begin < end; ++begin) deviations[order[begin].second] = deviation;
  }
  return deviations;
}

/// None if all scores of either are equal.
std::optional<double> correlation(const std::vector<double>& a, const std::vector<double>& b) {
  double product = 0;
  double square_a = 0;
  double square_b = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    product += a[i] * b[i];
    square_a += a[i] * a[i];
    square_b += b[i] * b[i];
  }
  if (square_a == 0 || square_b == 0) return std::nullopt;
  return product / std::sqrt(square_a * square_b);
}

}  // namespace

RankCorrelation rank_correlation(const at::Tensor& a, const at::Tensor& b) {
  if (a.dim() != 2 || a.sizes() != b.sizes()) {
    throw InputError(cat("rank correlation: the scores have shapes ", a.sizes(), " and ", b.sizes(),
                         ", expected the same [queries, candidates]"));
  }
  Progress progress("rank correlation", a.size(0));
  RankCorrelation result;
  double sum = 0;
  for (std::int64_t query = 0; query < a.size(0); ++query) {
    const std::optional<double> each =
        correlation(rank_deviations(sorted_row(a, query)), rank_deviations(sorted_row(b, query)));
    if (each) {
      sum += *each;
      ++result.queries;
    }
    progress.advance();
  }
  result.mean = result.queries > 0 ? sum / static_cast<double>(result.queries)
                                   : std::numeric_limits<double>::quiet_NaN();
  return result;
}

}  // namespace clipq
