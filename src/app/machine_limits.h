#pragma once

#include "clipq/app/doctor_command.h"

namespace clipq {

/// From affinity, /proc, /sys and the control group (version 1 or 2) of this process.
CoreCounts count_cores();
MemoryLimits memory_limits();

}  // namespace clipq
