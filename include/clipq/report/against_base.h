#pragma once

#include <optional>

#include "clipq/report/merged_results.h"
#include "clipq/result/paired_difference.h"

namespace clipq {

/// The row's value less the base's; none where one of them hasn't got it.
std::optional<double> difference_to(const ModelRow& base, const ModelRow& row,
                                    const MetricColumn& column);

/// The same with its interval; none without both rows' outcomes.
/// Throws InputError if the outcomes aren't of the same items.
std::optional<PairedDifference> paired_difference_to(const ModelRow& base, const ModelRow& row,
                                                     const MetricColumn& column);

/// The base's median time over the row's; none unless both were measured on the same machine.
std::optional<double> speed_up_over(const ModelRow& base, const ModelRow& row,
                                    const LatencyColumn& column);

}  // namespace clipq
