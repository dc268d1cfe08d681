#include "avx512_base.h"
#include "tile_kernel.h"

namespace clipq {
namespace {

/// Sums of two products in 16 bits, which are wide enough if one side has 7 bits.
struct Avx512Dot : Avx512Base {
  static Vector add(Vector sum, Vector codes, Weights weights) {
    const __m512i pairs = _mm512_maddubs_epi16(codes, weights);
    return _mm512_add_epi32(sum, _mm512_madd_epi16(pairs, _mm512_set1_epi16(1)));
  }
};

}  // namespace

const TileKernel kAvx512Kernel = {Avx512Dot::kRows, 16 * Avx512Dot::kVectors,
                                  multiply_tile<Avx512Dot>};

const TileKernel kAvx512NarrowKernel = {Narrow<Avx512Dot>::kRows, 16 * Narrow<Avx512Dot>::kVectors,
                                        multiply_tile<Narrow<Avx512Dot>>};

}  // namespace clipq
