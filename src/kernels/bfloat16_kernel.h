#pragma once

#include <cstddef>
#include <cstdint>

namespace clipq {

/// A left operand, bfloat16 [rows][32 steps].
struct Bfloat16Rows {
  const std::uint16_t* values;
  std::ptrdiff_t stride;
  int rows;  ///< that are wanted, at most Bfloat16Kernel::kRows; kRows of them can be read
};

/// A right operand in pairs of neighbouring k, [16 steps][columns]: the lower half of a word is the
/// even k's.
struct Bfloat16Pairs {
  const std::uint32_t* values;
  std::ptrdiff_t stride;
};

struct Bfloat16Product {
  Bfloat16Rows left;
  Bfloat16Pairs right;
  std::int64_t steps;
  std::int64_t columns;
  bool adds = false;  ///< to what stands there
};

/// The code of one instruction set that multiplies bfloat16 with sums in float32.
struct Bfloat16Kernel {
  static constexpr int kRows = 32;
  static constexpr int kColumns = 32;  ///< columns come in multiples of it
  static constexpr int kDepth = 32;    ///< of a step

  const char* name;
  void (*begin)();  ///< on the calling thread, before products
  /// out[r][c] = sum over steps and k of left[r][k] * right[k][c]
  /// @param out has room for kRows rows
  void (*multiply)(const Bfloat16Product& product, float* out, std::ptrdiff_t out_stride);
  void (*end)();
};

extern const Bfloat16Kernel kAmxBfloat16Kernel;
extern const Bfloat16Kernel kAvx512Bfloat16Kernel;

}  // namespace clipq
