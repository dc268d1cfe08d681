#pragma once

#include <string>
#include <vector>

#include "clipq/app/run_file.h"

namespace clipq {

/// Takes what isn't bound out of a run, and completes tasks with what their data are bound to.
/// Opens the checkpoints' files and the data to see that they can be used.
/// @return what was left out, each with the reason
/// Throws InputError and UsageError as open_dataset() and the tasks' checks do.
std::vector<std::string> leave_out_unbound(RunFile& run);

}  // namespace clipq
