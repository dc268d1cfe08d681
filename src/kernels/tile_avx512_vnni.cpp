#include "avx512_base.h"
#include "tile_kernel.h"

namespace clipq {
namespace {

struct Avx512VnniDot : Avx512Base {
  static Vector add(Vector sum, Vector codes, Weights weights) {
    return _mm512_dpbusd_epi32(sum, codes, weights);
  }
};

}  // namespace

const TileKernel kAvx512VnniKernel = {Avx512VnniDot::kRows, 16 * Avx512VnniDot::kVectors,
                                      multiply_tile<Avx512VnniDot>};

const TileKernel kAvx512VnniNarrowKernel = {Narrow<Avx512VnniDot>::kRows,
                                            16 * Narrow<Avx512VnniDot>::kVectors,
                                            multiply_tile<Narrow<Avx512VnniDot>>};

}  // namespace clipq
