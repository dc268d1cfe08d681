#pragma once

#include <string>
#include <utility>
#include <vector>

#include "clipq/result/result.h"

namespace clipq {

/// Program, library, processor, threads and time of day, for Results.
Environment current_environment();

/// What this machine offers to quantized models, by name and value, for `clipq doctor`.
std::vector<std::pair<std::string, std::string>> machine_facts();

/// The seconds since this process was started, to about 10 ms: dynamic linking counts.
double seconds_since_start();

/// The memory that this process holds, in bytes.
std::int64_t resident_bytes();

/// The most memory that this process has held so far, or since the last forget_peak_resident(), in
/// bytes.
std::int64_t peak_resident_bytes();

/// Resets peak_resident_bytes(). Without effect where the kernel doesn't allow it.
void forget_peak_resident();

}  // namespace clipq
