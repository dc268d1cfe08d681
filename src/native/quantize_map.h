#pragma once

#include "clipq/kernels/row_kernels.h"
#include "code_map.h"

namespace clipq {

/// Quantizes maps of floats into `codes`, which is sized for them, on all threads.
/// @param values float32 [items, height, width, channels]
/// @param rule a range per row is one of an item
void quantize_map(const float* values, const CodeRule& rule, CodeMap& codes);

/// The same of pixels.
/// @param values float32 [items, 3, height, width]
void quantize_pixels(const float* values, const CodeRule& rule, CodeMap& codes);

}  // namespace clipq
