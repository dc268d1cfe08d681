#pragma once

#include <string>
#include <vector>

#include "clipq/result/result.h"

namespace clipq {

/// Results as plain text: a row a model with its size in MiB, metrics in per cent and median
/// latencies in ms a batch, each beside how it compares with the first model (size ratio, points,
/// speed-up; none between different machines). Below it what was measured on, and where.
/// Empty if there are no results.
std::string result_table(const std::vector<Result>& results);

}  // namespace clipq
