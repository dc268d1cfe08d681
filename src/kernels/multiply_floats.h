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

/// out[r][c] = sum over k < depth of rows[r][k] * right[k][c], or that added to it.
/// @param right [depth][columns]
/// @param columns a multiple of 64
/// @param out [rows][columns]
void multiply_floats(const FloatRows& rows, std::int64_t depth, const float* right,
                     std::int64_t columns, bool adds, float* out);

}  // namespace clipq
