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

/// Where a stripe's floats go: [CodeStripes::kColumns / width][k][width].
struct ColumnBlocks {
  float* out;           ///< of the first line
  std::int64_t width;   ///< columns of a block: kColumns or a part of it, whole vectors
  std::ptrdiff_t step;  ///< from a block's first float to the next block's
};

/// Lines of one k each as floats.
void dequantize_to_floats(StoredCode kind, const std::uint8_t* codes, std::int64_t lines,
                          const ColumnScales& columns, const ColumnBlocks& blocks);

}  // namespace clipq
