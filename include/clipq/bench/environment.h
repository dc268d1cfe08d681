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

/// The most memory that this process has held so far, in bytes.
std::int64_t peak_resident_bytes();

}  // namespace clipq
