#pragma once

#include <string>
#include <vector>

#include "clipq/core/json.h"
#include "clipq/result/result.h"

namespace clipq {

/// The content of report.json, schema "clipq.report/1": {"title", "models" (label, model, values
/// and latencies against the first one), "data", "metrics", "latencies", "fronts", "machines",
/// "warnings", "results"}. Indices count in the lists of the same document; what isn't known is
/// null.
/// Throws UsageError without Results, InputError if outcomes of the same data aren't of the same
/// items.
Json report_document(const std::vector<Result>& results, const std::string& title);

}  // namespace clipq
