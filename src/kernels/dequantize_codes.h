#pragma once

#include <cstdint>

#include "code_stripes.h"

namespace clipq {

/// What is subtracted from the codes of a stripe's columns, and what they are multiplied by then.
/// Each [CodeStripes::kColumns]; null: nothing.
struct ColumnScales {
  const float* zero_points = nullptr;
  const float* scales = nullptr;
};

/// Lines of one k each as floats [lines][CodeStripes::kColumns].
void dequantize_to_floats(StoredCode kind, const std::uint8_t* codes, std::int64_t lines,
                          const ColumnScales& columns, float* out);

}  // namespace clipq
