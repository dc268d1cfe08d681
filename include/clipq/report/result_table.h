#pragma once

#include <string>
#include <vector>

#include "clipq/result/result.h"

namespace clipq {

/// Results as plain text: one row per model with its size in MiB and as a share of float32 and of
/// the checkpoint file (of the first model if neither is known), metrics in percent and median
/// latencies in ms per batch, each with its comparison with the first model (points with a 95 %
/// interval if outcomes are available, speed-up; none between different machines). Below it: the
/// data, what was skipped, the machines, and warnings. Empty if there are no results.
/// Throws InputError if outcomes of the same data aren't of the same items.
std::string result_table(const std::vector<Result>& results);

}  // namespace clipq
