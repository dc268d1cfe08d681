#include <immintrin.h>

#include <utility>

#include "bfloat16_kernel.h"

namespace clipq {
namespace {

constexpr int kLanes = 16;

void nothing() {}

/// Two neighbouring values as one 32-bit word.
inline __attribute__((always_inline)) std::int32_t pair_at(const std::uint16_t* values) {
  std::int32_t word;
  __builtin_memcpy(&word, values, sizeof(word));
  return word;
}

/// A tile of exactly `Rows` rows.
template <int Vectors, int Rows>
void multiply_rows(const Bfloat16Product& product, const std::uint16_t* left,
                   const std::uint32_t* right, float* out, std::ptrdiff_t out_stride) {
  __m512 sums[Rows][Vectors];
#pragma GCC unroll 16
  for (int r = 0; r < Rows; ++r) {
#pragma GCC unroll 4
    for (int v = 0; v < Vectors; ++v) {
      sums[r][v] =
          product.adds ? _mm512_loadu_ps(out + r * out_stride + v * kLanes) : _mm512_setzero_ps();
    }
  }
  const std::int64_t pairs = product.steps * (Bfloat16Kernel::kDepth / 2);
  for (std::int64_t k = 0; k < pairs; ++k) {
    __m512bh columns[Vectors];
#pragma GCC unroll 4
    for (int v = 0; v < Vectors; ++v) {
      columns[v] = (__m512bh)_mm512_loadu_si512(right + v * kLanes);
    }
#pragma GCC unroll 16
    for (int r = 0; r < Rows; ++r) {
      const auto row = (__m512bh)_mm512_set1_epi32(pair_at(left + r * product.left.stride));
#pragma GCC unroll 4
      for (int v = 0; v < Vectors; ++v) {
        sums[r][v] = _mm512_dpbf16_ps(sums[r][v], row, columns[v]);
      }
    }
    left += 2;
    right += product.right.stride;
  }
#pragma GCC unroll 16
  for (int r = 0; r < Rows; ++r) {
#pragma GCC unroll 4
    for (int v = 0; v < Vectors; ++v) {
      _mm512_storeu_ps(out + r * out_stride + v * kLanes, sums[r][v]);
    }
  }
}

/// All rows of some columns, in tiles of about the same size.
template <int Vectors, std::size_t... kFewer>
void multiply_columns(std::index_sequence<kFewer...> /*rows less 1*/,
                      const Bfloat16Product& product, std::int64_t column, float* out,
                      std::ptrdiff_t out_stride) {
  using Function = void (*)(const Bfloat16Product&, const std::uint16_t*, const std::uint32_t*,
                            float*, std::ptrdiff_t);
  static constexpr Function kByRows[] = {multiply_rows<Vectors, kFewer + 1>...};
  constexpr int kMost = sizeof...(kFewer);
  const int rows = product.left.rows;
  const int tiles = (rows + kMost - 1) / kMost;
  for (int tile = 0; tile < tiles; ++tile) {
    const int row = rows * tile / tiles;
    const int count = rows * (tile + 1) / tiles - row;
    kByRows[count - 1](product, product.left.values + row * product.left.stride,
                       product.right.values + column, out + row * out_stride + column, out_stride);
  }
}

void multiply(const Bfloat16Product& product, float* out, std::ptrdiff_t out_stride) {
  constexpr int kVectors = 4;
  constexpr int kFewVectors = 2;
  std::int64_t column = 0;
  for (; column + kVectors * kLanes <= product.columns; column += kVectors * kLanes) {
    multiply_columns<kVectors>(std::make_index_sequence<6>(), product, column, out, out_stride);
  }
  for (; column < product.columns; column += kFewVectors * kLanes) {
    multiply_columns<kFewVectors>(std::make_index_sequence<12>(), product, column, out, out_stride);
  }
}

}  // namespace

const Bfloat16Kernel kAvx512Bfloat16Kernel = {"avx512-bf16", nothing, multiply, nothing};

}  // namespace clipq
