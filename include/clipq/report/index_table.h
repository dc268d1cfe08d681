#pragma once

#include <string>
#include <vector>

#include "clipq/result/result.h"

namespace clipq {

/// The searches of index_compatibility, one row each, for a terminal; empty without such Results.
std::string index_table(const std::vector<Result>& results);

/// What index_compatibility says of a model, one sentence per way of storing an index.
std::vector<std::string> index_verdicts(const Result& result);

}  // namespace clipq
