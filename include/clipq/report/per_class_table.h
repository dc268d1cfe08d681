#pragma once

#include <string>
#include <vector>

#include "clipq/result/result.h"

namespace clipq {

/// The Results' per-class tables side by side as plain text: a row a class, a column a model, and
/// for each model which class is most often given instead. Empty if they have none.
std::string per_class_table(const std::vector<Result>& results);

}  // namespace clipq
