#pragma once

#include <vector>

#include "clipq/app/doctor_command.h"

namespace clipq {

/// Multiplies extreme codes by every integer path that this processor has and compares the integers
/// with the portable path's.
std::vector<PathExamination> examine_integer_paths();

/// Multiplies each E4M3 number with others by every float path that this processor has and compares
/// the products with float32's.
std::vector<FloatPathExamination> examine_float_paths();

}  // namespace clipq
