#include <immintrin.h>

#include "multiply_tile.h"
#include "tile_kernel.h"

namespace clipq {
namespace {

/// Sums of two products in 16 bits, which are wide enough if one side has 7 bits.
struct Avx512Dot {
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
  static Vector add(Vector sum, Vector codes, Weights weights) {
    const __m512i pairs = _mm512_maddubs_epi16(codes, weights);
    return _mm512_add_epi32(sum, _mm512_madd_epi16(pairs, _mm512_set1_epi16(1)));
  }
  static void store(std::int32_t* out, Vector sum) { _mm512_store_si512(out, sum); }
};

}  // namespace

const TileKernel kAvx512Kernel = {Avx512Dot::kRows, 16 * Avx512Dot::kVectors,
                                  multiply_tile<Avx512Dot>};

}  // namespace clipq
