#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "clipq/result/result.h"

namespace clipq {

/// clipq report.
struct ReportOptions {
  std::vector<std::filesystem::path> results;  ///< Result files, the baseline model first
  std::filesystem::path folder;                ///< created if missing
  std::string title;                           ///< empty: a standard one
};

/// Reads the Result files and writes their report. Throws InputError as read_results() does, and
/// UsageError if there are no Results in them.
void report(const ReportOptions& options);

/// Writes report.json, report.md and report.html to the folder, which is created if missing; each
/// file is either complete or absent. The other models are compared with the first Result's model.
/// Throws UsageError without Results, InputError if the folder isn't writable.
void write_report(const std::vector<Result>& results, const std::filesystem::path& folder,
                  const std::string& title);

}  // namespace clipq
