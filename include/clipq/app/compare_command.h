#pragma once

#include <filesystem>
#include <vector>

#include "clipq/report/comparison_report.h"
#include "clipq/report/gate.h"

namespace clipq {

/// clipq compare.
struct CompareOptions {
  std::vector<std::filesystem::path> base;  ///< Result files; their first model is the base
  std::vector<std::filesystem::path> now;   ///< Result files; every other model is compared
  Gates gates;
};

/// Reads the files, compares them and checks the gates; a broken gate is in the report, not an
/// exception.
/// Throws InputError and UsageError as read_results(), compare_results() and check_gates() do.
ComparisonReport compare(const CompareOptions& options);

}  // namespace clipq
