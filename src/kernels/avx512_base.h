#pragma once

#include <immintrin.h>

#include "multiply_tile.h"

namespace clipq {
namespace {  // each source that includes this is compiled for an instruction set of its own

/// What the AVX512 tiles have in common.
struct Avx512Base {
  using Vector = __m512i;
  using Weights = __m512i;
  static constexpr int kRows = 6;
  static constexpr int kVectors = 4;
  static constexpr int kBytes = 64;

  static Vector zero() { return _mm512_setzero_si512(); }
  static Weights load(const std::int8_t* weight) { return _mm512_load_si512(weight); }
  static Vector broadcast(const std::uint8_t* codes) {
    return _mm512_set1_epi32(four_codes(codes));
  }
  static void store(std::int32_t* out, Vector sum) { _mm512_store_si512(out, sum); }
};

/// The same for weights of few columns.
template <class Dot>
struct Narrow : Dot {
  static constexpr int kRows = 12;
  static constexpr int kVectors = 2;
};

}  // namespace
}  // namespace clipq
