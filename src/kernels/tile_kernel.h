#pragma once

#include <cstddef>
#include <cstdint>

namespace clipq {

/// The code of one instruction set that multiplies a tile.
struct TileKernel {
  int rows;     ///< of the largest tile
  int columns;  ///< of every tile
  /// out[r][c] = sum over k of codes[r][k] * weight[k][c] for up to `rows` rows.
  /// @param weight [quads][columns][4]: four neighbouring k side by side, 64-byte aligned
  /// @param ahead brought into the cache on the way: `ahead_step` bytes a quad
  /// @param out [rows][columns], 64-byte aligned
  void (*multiply)(const std::uint8_t* codes, std::ptrdiff_t stride, int rows,
                   const std::int8_t* weight, std::int64_t quads, const std::int8_t* ahead,
                   std::ptrdiff_t ahead_step, std::int32_t* out);
};

extern const TileKernel kAvx512VnniKernel;
extern const TileKernel kAvx512VnniNarrowKernel;  ///< for few columns
extern const TileKernel kAvx512Kernel;
extern const TileKernel kAvx512NarrowKernel;
extern const TileKernel kAvx2Kernel;      ///< sums two products in 16 bits
extern const TileKernel kAvx2WideKernel;  ///< exact with 8 bits on both sides
extern const TileKernel kPortableKernel;

}  // namespace clipq
