#pragma once

#include <string>
#include <vector>

#include "clipq/app/run_file.h"

namespace clipq {

/// KEY=VALUE, as --set takes it.
struct RunSetting {
  std::string key;
  std::string value;
};

/// Puts those settings that override a value of the file into `json`.
/// @param run what `json` says so far
/// @return the others: they bind a checkpoint's or a data set's name
/// Throws UsageError for what isn't KEY=VALUE or names no value of a run file.
std::vector<RunSetting> apply_overrides(Json& json, const RunFile& run,
                                        const std::vector<std::string>& settings);

/// Binds a name. Throws UsageError if the run has no such name.
void bind(RunFile& run, const RunSetting& binding);

/// Throws UsageError that lists everything that is missing.
void require_bound(const RunFile& run);

}  // namespace clipq
