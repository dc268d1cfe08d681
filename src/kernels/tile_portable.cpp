#include <cstring>

#include "multiply_tile.h"
#include "tile_kernel.h"

namespace clipq {
namespace {

/// Plain C++ for processors without AVX2: a row of 16 columns, which the compiler vectorizes.
struct PortableDot {
  static constexpr int kRows = 1;
  static constexpr int kVectors = 1;
  static constexpr int kBytes = 64;
  struct Vector {
    std::int32_t values[16];
  };
  using Weights = const std::int8_t*;

  static Vector zero() { return {}; }
  static Weights load(const std::int8_t* weight) { return weight; }
  static const std::uint8_t* broadcast(const std::uint8_t* codes) { return codes; }
  static Vector add(Vector sum, const std::uint8_t* codes, Weights weights) {
    for (int c = 0; c < 16; ++c) {
      for (int k = 0; k < 4; ++k) sum.values[c] += codes[k] * weights[4 * c + k];
    }
    return sum;
  }
  static void store(std::int32_t* out, const Vector& sum) {
    std::memcpy(out, sum.values, sizeof(sum.values));
  }
};

}  // namespace

const TileKernel kPortableKernel = {PortableDot::kRows, 16, multiply_tile<PortableDot>};

}  // namespace clipq
