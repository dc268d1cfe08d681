#include <immintrin.h>

#include <utility>

#include "bfloat16_kernel.h"
#include "fp8_to_bfloat16.h"

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

/// The bits of an FP8 format within those of bfloat16.
template <int MantissaBits>
void fp8_to_bfloat16(const std::uint8_t* codes, std::int64_t count, std::uint16_t* out) {
  constexpr int kBias = (1 << (6 - MantissaBits)) - 1;
  constexpr int kShift = 7 - MantissaBits;
  const __m512i magnitudes = _mm512_set1_epi16(0x7F << kShift);
  const __m512i exponents = _mm512_set1_epi16((0x7F >> MantissaBits) << 7);
  const __m512i rebias = _mm512_set1_epi16((127 - kBias) << 7);
  const __m512i sign = _mm512_set1_epi16(static_cast<short>(0x8000));
  // What is below the normal numbers: 1 to 7 times 2^(1 - bias - mantissa bits).
  alignas(64) std::uint16_t small[32] = {};
  for (int i = 1; i < 8; ++i) {
    const int power = i >= 4 ? 2 : i / 2;
    const int exponent = 127 + 1 - kBias - MantissaBits + power;
    small[i] = static_cast<std::uint16_t>(exponent << 7 | ((i << (7 - power)) & 0x7F));
  }
  const __m512i table = _mm512_load_si512(small);
  for (std::int64_t i = 0; i < count; i += 32) {
    const __m512i code =
        _mm512_cvtepi8_epi16(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(codes + i)));
    const __m512i shifted = _mm512_slli_epi16(code, kShift);
    const __mmask32 is_small = _mm512_testn_epi16_mask(shifted, exponents);
    __m512i value = _mm512_add_epi16(_mm512_and_si512(shifted, magnitudes), rebias);
    value = _mm512_mask_permutexvar_epi16(value, is_small, code, table);
    constexpr int kSignFromSecond = 0xD8;  // third ? second : first
    _mm512_store_si512(out + i, _mm512_ternarylogic_epi64(value, shifted, sign, kSignFromSecond));
  }
}

}  // namespace

void e4m3_to_bfloat16(const std::uint8_t* codes, std::int64_t count, std::uint16_t* out) {
  fp8_to_bfloat16<3>(codes, count, out);
}

void e5m2_to_bfloat16(const std::uint8_t* codes, std::int64_t count, std::uint16_t* out) {
  fp8_to_bfloat16<2>(codes, count, out);
}

const Bfloat16Kernel kAvx512Bfloat16Kernel = {"avx512-bf16", nothing, multiply, nothing};

}  // namespace clipq
