#pragma once

#include <string>
#include <vector>

#include "clipq/app/run_file.h"

namespace clipq {

/// Removes what isn't bound from a run, and completes tasks with the bindings of their data. Opens
/// the checkpoints' files and the data to check that they are usable.
/// @return what was skipped, each with the reason
/// Throws InputError and UsageError as open_dataset() and the tasks' checks do.
std::vector<std::string> leave_out_unbound(RunFile& run);

}  // namespace clipq
