#pragma once

#include <cstddef>
#include <cstdint>

namespace clipq {

/// A left operand, [rows][depth].
struct FloatRows {
  const float* values;
  std::ptrdiff_t stride;
  std::int64_t rows;
};

/// Columns that are multiplied together on this processor; 64 is a multiple of it.
std::int64_t column_block();

/// out[r][c] = sum over k < depth of rows[r][k] * right[k][c], or that added to it.
/// @param right [columns / block][depth][block] with column_block(): what is multiplied together
///        lies side by side in the first-level cache
/// @param columns a multiple of 64
/// @param out [rows][columns]
void multiply_floats(const FloatRows& rows, std::int64_t depth, const float* right,
                     std::int64_t columns, bool adds, float* out);

}  // namespace clipq
