#include "clipq/result/paired_difference.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <numbers>
#include <numeric>

#include "clipq/core/error.h"
#include "clipq/core/strings.h"

namespace clipq {
namespace {

constexpr double kZ = 1.959963984540054;  // of a normal distribution's central 95 %

void require_same_items(const Outcomes& base, const Outcomes& now) {
  const bool same = same_items(base, now);
  if (same && !base.hits.empty()) return;
  throw InputError(
      cat("outcomes cannot be compared item by item: the base has ", base.hits.size(),
          ", the new model ", now.hits.size(),
          same || base.hits.size() != now.hits.size() ? "" : " for different classes or groups",
          "; evaluate both on the same data"));
}

/// What each item adds to the metric's difference, times the number of items. A plain mean weighs
/// items equally. A mean of C classes' means is (1/C) sum_c (1/n_c) sum_{i in c} d_i, which is
/// (1/n) sum_i w_i d_i with w_i = n / (C n_c): a plain mean again, of weighted differences, whose
/// weights average 1 and depend on labels only, not on the models.
std::vector<double> item_differences(const Outcomes& base, const Outcomes& now) {
  const auto items = static_cast<double>(base.hits.size());
  std::map<std::int64_t, double> sizes;
  for (const std::int64_t stratum : base.strata) ++sizes[stratum];
  std::vector<double> differences;
  for (std::size_t i = 0; i < base.hits.size(); ++i) {
    const double weight =
        sizes.empty() ? 1 : items / (static_cast<double>(sizes.size()) * sizes[base.strata[i]]);
    differences.push_back(weight * (now.hits[i] - base.hits[i]));
  }
  return differences;
}

/// Items of a cluster aren't independent (captions of one image fail together), clusters are: a
/// cluster is one unit. Its sum is scaled by clusters / items, which is its mean times its share of
/// an average cluster's size, so that the mean over clusters is still the mean over items.
std::vector<double> unit_differences(const std::vector<double>& items,
                                     const std::vector<std::int64_t>& clusters) {
  if (clusters.empty()) return items;
  const double scale = static_cast<double>(clusters.size()) / static_cast<double>(items.size());
  std::vector<double> units;
  auto begin = items.begin();
  for (const std::int64_t size : clusters) {
    units.push_back(scale * std::accumulate(begin, begin + size, 0.0));
    begin += size;
  }
  return units;
}

/// Bonett and Price 2012, "Adjusted Wald confidence interval for a difference of binomial
/// proportions based on paired data": two units are added, one gained and one lost. So an interval
/// has a width even where no item differs, which a bootstrap's doesn't. For units that aren't
/// single items it is the same with the variance of the units.
void set_interval(PairedDifference& out, const std::vector<double>& units) {
  const double count = static_cast<double>(units.size()) + 2;
  const double sum = std::accumulate(units.begin(), units.end(), 0.0);
  const double squares = std::inner_product(units.begin(), units.end(), units.begin(), 2.0);
  const double mean = sum / count;
  const double half_width = kZ * std::sqrt((squares / count - mean * mean) / count);
  out.difference = sum / (count - 2);
  out.low = std::max(-1.0, mean - half_width);
  out.high = std::min(1.0, mean + half_width);
}

/// Twice the smaller tail of a binomial distribution with one half on `gained` + `lost` items.
double mcnemar(std::int64_t gained, std::int64_t lost) {
  const auto count = static_cast<double>(gained + lost);
  double tail = 0;
  for (std::int64_t i = 0; i <= std::min(gained, lost); ++i) {
    const auto chosen = static_cast<double>(i);
    tail += std::exp(std::lgamma(count + 1) - std::lgamma(chosen + 1) -
                     std::lgamma(count - chosen + 1) - count * std::numbers::ln2);
  }
  return std::min(1.0, 2 * tail);
}

}  // namespace

bool same_items(const Outcomes& base, const Outcomes& now) {
  return base.hits.size() == now.hits.size() && base.strata == now.strata &&
         base.clusters == now.clusters;
}

PairedDifference paired_difference(const Outcomes& base, const Outcomes& now) {
  require_same_items(base, now);
  PairedDifference out;
  out.items = static_cast<std::int64_t>(base.hits.size());
  for (std::size_t i = 0; i < base.hits.size(); ++i) {
    if (now.hits[i] > base.hits[i]) ++out.gained;
    if (now.hits[i] < base.hits[i]) ++out.lost;
  }
  set_interval(out, unit_differences(item_differences(base, now), base.clusters));
  const bool alone = base.strata.empty() && base.clusters.empty();
  out.p_value = alone ? mcnemar(out.gained, out.lost) : std::numeric_limits<double>::quiet_NaN();
  return out;
}

}  // namespace clipq
