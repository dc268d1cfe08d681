#pragma once

#include <string>

#include "clipq/result/result.h"

namespace clipq {

/// A Result of `clipq search` as plain text: a row for each recipe that was tried, the format that
/// each group of layers has in the found one, and whether that meets the goals on the held-out
/// data. Throws InputError if it lacks the details.
std::string search_table(const Result& result);

}  // namespace clipq
