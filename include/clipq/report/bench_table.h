#pragma once

#include <string>
#include <vector>

#include "clipq/result/result.h"

namespace clipq {

/// What `clipq bench` measures beyond latencies, as plain text: minimum, median, 95th percentile,
/// throughput and operations per second for every model, tower and batch size; loading and memory;
/// the machine's GEMM peaks; and, if layers were timed, the slowest of them. Empty if no Result has
/// such details.
std::string bench_table(const std::vector<Result>& results);

}  // namespace clipq
