#include <immintrin.h>

#include "multiply_tile.h"
#include "tile_kernel.h"

namespace clipq {
namespace {

struct Avx2Base {
  using Vector = __m256i;
  static constexpr int kVectors = 2;
  static constexpr int kBytes = 32;

  static Vector zero() { return _mm256_setzero_si256(); }
  static void store(std::int32_t* out, Vector sum) {
    _mm256_store_si256(reinterpret_cast<__m256i*>(out), sum);
  }
};

/// Sums of two products in 16 bits, which are wide enough if one side has 7 bits.
struct Avx2Dot : Avx2Base {
  using Weights = __m256i;
  static constexpr int kRows = 4;

  static Weights load(const std::int8_t* weight) {
    return _mm256_load_si256(reinterpret_cast<const __m256i*>(weight));
  }
  static Vector broadcast(const std::uint8_t* codes) {
    return _mm256_set1_epi32(four_codes(codes));
  }
  static Vector add(Vector sum, Vector codes, Weights weights) {
    const __m256i pairs = _mm256_maddubs_epi16(codes, weights);
    return _mm256_add_epi32(sum, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
  }
};

/// Codes widened to 16 bits, so that sums of products are exact with 8 bits on both sides.
struct Avx2WideDot : Avx2Base {
  struct Weights {
    __m256i even;
    __m256i odd;
  };
  static constexpr int kRows = 3;

  static Weights load(const std::int8_t* weight) {
    const __m256i bytes = _mm256_load_si256(reinterpret_cast<const __m256i*>(weight));
    return {_mm256_srai_epi16(_mm256_slli_epi16(bytes, 8), 8), _mm256_srai_epi16(bytes, 8)};
  }
  static Weights broadcast(const std::uint8_t* codes) {
    const __m256i bytes = _mm256_set1_epi32(four_codes(codes));
    return {_mm256_and_si256(bytes, _mm256_set1_epi16(0xff)), _mm256_srli_epi16(bytes, 8)};
  }
  static Vector add(Vector sum, const Weights& codes, const Weights& weights) {
    const __m256i even = _mm256_madd_epi16(codes.even, weights.even);
    const __m256i odd = _mm256_madd_epi16(codes.odd, weights.odd);
    return _mm256_add_epi32(sum, _mm256_add_epi32(even, odd));
  }
};

}  // namespace

const TileKernel kAvx2Kernel = {Avx2Dot::kRows, 8 * Avx2Dot::kVectors, multiply_tile<Avx2Dot>};
const TileKernel kAvx2WideKernel = {Avx2WideDot::kRows, 8 * Avx2WideDot::kVectors,
                                    multiply_tile<Avx2WideDot>};

}  // namespace clipq
