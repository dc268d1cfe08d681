#pragma once

#include <string>
#include <vector>

#include "clipq/result/result.h"

namespace clipq {

/// The Results' per-class tables side by side as plain text: one row per class, one column per
/// model, and for each model the class most often predicted instead. Empty if they have none.
std::string per_class_table(const std::vector<Result>& results);

}  // namespace clipq
