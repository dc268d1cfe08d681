#pragma once

#include <cstddef>
#include <cstdint>

namespace clipq {

/// AMX's tile registers on the calling thread: 2 x 2 accumulators of 16 x 16 values, two tiles of
/// the left operand and two of the right. Configured for a number of rows before they are used and
/// released in the end.
struct AmxTiles {
  static constexpr int kRows = 32;     ///< at most, of a product
  static constexpr int kColumns = 32;  ///< of every product
  static constexpr int kBytes = 64;    ///< of a left row that a step multiplies

  /// @param rows of the products to come, at most kRows
  static void configure(int rows);

  static void release();
};

/// Memory that is brought into the cache beside a product: `lines` cache lines a step.
struct Prefetch {
  const std::int8_t* from = nullptr;
  int lines = 0;
};

/// Other work of the core that is called between the steps of a product, so that the tiles' unit
/// multiplies meanwhile. It must leave the tiles alone.
struct SideWork {
  void (*run)(void* context, std::int64_t step) = nullptr;
  void* context = nullptr;
};

/// out[r][c] = sum over steps and k < 64 of codes[r][64 step + k] * weight[k][c] for the configured
/// rows and 32 columns.
/// @param weight [16 steps][32][4]: four neighbouring k side by side
/// @param out [rows][32]
void multiply_amx_int8(const std::uint8_t* codes, std::ptrdiff_t stride, int rows,
                       const std::int8_t* weight, std::int64_t steps, Prefetch prefetch,
                       const SideWork& side_work, std::int32_t* out);

}  // namespace clipq
