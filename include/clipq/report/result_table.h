#pragma once

#include <string>
#include <vector>

#include "clipq/result/result.h"

namespace clipq {

/// Results as plain text: a row a model with its size in MiB and as a share of float32 and of the
/// checkpoint file (of the first model where neither is known), metrics in per cent and median
/// latencies in ms a batch, each beside how it compares with the first model (points with a 95 %
/// interval where outcomes are there, speed-up; none between different machines). Below it what was
/// measured on, what was skipped, where, and warnings. Empty if there are no results.
/// Throws InputError if outcomes of the same data aren't of the same items.
std::string result_table(const std::vector<Result>& results);

}  // namespace clipq
