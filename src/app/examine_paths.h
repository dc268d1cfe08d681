#pragma once

#include <vector>

#include "clipq/app/doctor_command.h"

namespace clipq {

/// Multiplies extreme codes by every integer path that this processor has and compares the integers
/// with the portable path's.
std::vector<PathExamination> examine_integer_paths();

}  // namespace clipq
