#pragma once

#include <cstdint>

#include "clipq/result/result.h"

namespace clipq {

/// How a metric differs between two models that saw the same items.
struct PairedDifference {
  double difference = 0;  ///< new minus base, a fraction
  double low = 0;         ///< ends of the 95 % interval, within [-1, 1]
  double high = 0;
  /// McNemar's exact two-sided test; NaN where it doesn't apply (strata or clusters).
  double p_value = 0;
  std::int64_t gained = 0;  ///< items that only the new model has right
  std::int64_t lost = 0;    ///< items that only the base has right
  std::int64_t items = 0;
};

/// Whether both are of the same number of items, of the same classes and in the same groups.
bool same_items(const Outcomes& base, const Outcomes& now);

/// Throws InputError if the two aren't from the same items: different counts, strata or clusters.
PairedDifference paired_difference(const Outcomes& base, const Outcomes& now);

}  // namespace clipq
