#pragma once

#include <cstdint>

#include "clipq/kernels/row_kernels.h"

namespace clipq {

/// Two int4 codes a byte, each 8 more than it stands for, as int8: those of the lower halves, then
/// those of the upper ones.
/// @param count of bytes, a multiple of 64
void unpack_int4(const std::uint8_t* packed, std::int64_t count, std::int8_t* out);

/// Products of a group of k, all [rows][columns].
struct GroupProducts {
  const std::int32_t* values;
  std::int64_t rows;
  std::int64_t columns;        ///< a multiple of 16
  const RowScale* row_scales;  ///< whose zero points are subtracted from the products
  const std::int32_t* sums;    ///< of the group's weight codes, one a column
  const float* scales;         ///< of the group, one a column
};

/// Multiplied by the group's scales: to `out`, or added to what stands there.
void add_group(const GroupProducts& products, bool add, float* out);

}  // namespace clipq
