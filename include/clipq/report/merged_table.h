#pragma once

#include <string>
#include <vector>

#include "clipq/report/merged_results.h"
#include "clipq/report/table.h"

namespace clipq {

/// A row a model, as result_table() describes them. There must be at least one.
/// Throws InputError if outcomes of the same data aren't of the same items.
Table merged_table(const MergedResults& merged);

/// What belongs below the table, a line each: data, what was skipped, machines, modes, warnings.
std::vector<std::string> merged_notes(const MergedResults& merged);

}  // namespace clipq
