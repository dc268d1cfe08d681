#pragma once

#include "clipq/kernels/row_kernels.h"
#include "code_map.h"

namespace clipq {

/// Quantizes an item of a map.
/// @param values float32 [positions, channels]
/// @param rule a range per row is one of the item
void quantize_item(const float* values, const CodeRule& rule, std::int64_t item, CodeMap& codes);

}  // namespace clipq
