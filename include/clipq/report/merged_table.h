#pragma once

#include <string>
#include <vector>

#include "clipq/report/merged_results.h"
#include "clipq/report/table.h"

namespace clipq {

/// One row per model, as described at result_table(). There must be at least one.
/// Throws InputError if outcomes of the same data aren't of the same items.
Table merged_table(const MergedResults& merged);

/// Notes below the table, one per line: data, what was skipped, machines, modes, warnings.
std::vector<std::string> merged_notes(const MergedResults& merged);

}  // namespace clipq
