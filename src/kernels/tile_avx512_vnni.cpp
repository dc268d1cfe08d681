#include <immintrin.h>

#include "multiply_tile.h"
#include "tile_kernel.h"

namespace clipq {
namespace {

struct Avx512VnniDot {
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
    return _mm512_dpbusd_epi32(sum, codes, weights);
  }
  static void store(std::int32_t* out, Vector sum) { _mm512_store_si512(out, sum); }
};

}  // namespace

const TileKernel kAvx512VnniKernel = {Avx512VnniDot::kRows, 16 * Avx512VnniDot::kVectors,
                                      multiply_tile<Avx512VnniDot>};

}  // namespace clipq
