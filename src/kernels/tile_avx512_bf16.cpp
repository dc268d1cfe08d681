#include <immintrin.h>

#include "bfloat16_kernel.h"

namespace clipq {
namespace {

constexpr int kLanes = 16;
constexpr int kVectors = 2;
constexpr int kTileRows = 8;

void nothing() {}

/// Two neighbouring values as one 32-bit word.
inline __attribute__((always_inline)) std::int32_t pair_at(const std::uint16_t* values) {
  std::int32_t word;
  __builtin_memcpy(&word, values, sizeof(word));
  return word;
}

void multiply_tile(const Bfloat16Rows& left, int first, const std::uint32_t* pairs,
                   std::ptrdiff_t stride, std::int64_t depth_pairs, float* out,
                   std::ptrdiff_t out_stride) {
  __m512 sums[kTileRows][kVectors];
#pragma GCC unroll 8
  for (auto& row : sums) {
    for (auto& sum : row) sum = _mm512_setzero_ps();
  }
  for (std::int64_t k = 0; k < depth_pairs; ++k) {
    const auto right0 = (__m512bh)_mm512_loadu_si512(pairs + k * stride);
    const auto right1 = (__m512bh)_mm512_loadu_si512(pairs + k * stride + kLanes);
#pragma GCC unroll 8
    for (int r = 0; r < kTileRows; ++r) {
      const auto row =
          (__m512bh)_mm512_set1_epi32(pair_at(left.values + (first + r) * left.stride + 2 * k));
      sums[r][0] = _mm512_dpbf16_ps(sums[r][0], row, right0);
      sums[r][1] = _mm512_dpbf16_ps(sums[r][1], row, right1);
    }
  }
#pragma GCC unroll 8
  for (int r = 0; r < kTileRows; ++r) {
    float* target = out + (first + r) * out_stride;
    _mm512_storeu_ps(target, sums[r][0]);
    _mm512_storeu_ps(target + kLanes, sums[r][1]);
  }
}

void multiply(const Bfloat16Rows& rows, const Bfloat16Pairs& pairs, std::int64_t steps,
              std::int64_t columns, float* out, std::ptrdiff_t out_stride) {
  for (std::int64_t column = 0; column < columns; column += kVectors * kLanes) {
    for (int first = 0; first < rows.rows; first += kTileRows) {
      multiply_tile(rows, first, pairs.values + column, pairs.stride,
                    steps * (Bfloat16Kernel::kDepth / 2), out + column, out_stride);
    }
  }
}

}  // namespace

const Bfloat16Kernel kAvx512Bfloat16Kernel = {"avx512-bf16", nothing, multiply, nothing};

}  // namespace clipq
