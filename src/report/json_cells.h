#pragma once

#include <string>

#include "clipq/core/json.h"

namespace clipq {

/// NaN where it is null.
double number_of(const Json& json);

/// A difference in percentage points with its interval, if it has one, "-0.12 [-0.47, +0.23]".
/// @param difference with "difference", and "low" and "high" where they are known; fractions
std::string interval_text(const Json& difference);

}  // namespace clipq
