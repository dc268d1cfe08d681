// Included once for every instruction set, as Highway's own -inl headers are.
#if defined(CLIPQ_FLOAT_PRODUCT_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef CLIPQ_FLOAT_PRODUCT_INL
#undef CLIPQ_FLOAT_PRODUCT_INL
#else
#define CLIPQ_FLOAT_PRODUCT_INL
#endif

#include <hwy/highway.h>

#include <cstddef>
#include <cstdint>

HWY_BEFORE_NAMESPACE();
namespace clipq {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

using Floats = hn::ScalableTag<float>;
using FloatVector = hn::Vec<Floats>;

/// Accumulators of a tile: kRows * kVectors registers, and a few more for operands.
constexpr int kRows = 6;
constexpr int kVectors = HWY_TARGET <= HWY_AVX3 ? 4 : 2;

constexpr float kOne = 1;

HWY_INLINE std::int64_t LanesOf() { return static_cast<std::int64_t>(hn::Lanes(Floats())); }

/// c[r][0 .. V vectors) = scale * sum over k < depth of a[r][k] * b[k][...], for `R` rows; added to
/// what stands there, if `kAdds`. The scale is read from memory at the end: the sums take all
/// registers.
template <bool kAdds, int R, int V>
HWY_INLINE void MultiplyTile(const float* a, std::ptrdiff_t a_stride, std::int64_t depth,
                             const float* b, std::ptrdiff_t b_stride, const float* scale, float* c,
                             std::ptrdiff_t c_stride) {
  const Floats d;
  const std::int64_t lanes = LanesOf();
  FloatVector sums[R][V];
#pragma GCC unroll 8
  for (int r = 0; r < R; ++r) {
#pragma GCC unroll 4
    for (int v = 0; v < V; ++v) sums[r][v] = hn::Zero(d);
  }
  for (std::int64_t k = 0; k < depth; ++k) {
    FloatVector row[V];
#pragma GCC unroll 4
    for (int v = 0; v < V; ++v) row[v] = hn::LoadU(d, b + k * b_stride + v * lanes);
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) {
      const FloatVector factor = hn::Set(d, a[r * a_stride + k]);
#pragma GCC unroll 4
      for (int v = 0; v < V; ++v) sums[r][v] = hn::MulAdd(factor, row[v], sums[r][v]);
    }
  }
  const FloatVector scales = hn::Set(d, *scale);
#pragma GCC unroll 8
  for (int r = 0; r < R; ++r) {
#pragma GCC unroll 4
    for (int v = 0; v < V; ++v) {
      float* out = c + r * c_stride + v * lanes;
      const FloatVector sum = hn::Mul(sums[r][v], scales);
      hn::StoreU(kAdds ? hn::Add(sum, hn::LoadU(d, out)) : sum, d, out);
    }
  }
}

/// The product over `columns`, a multiple of the lanes.
template <bool kAdds, int R>
HWY_NOINLINE void MultiplyRows(const float* a, std::ptrdiff_t a_stride, std::int64_t depth,
                               const float* b, std::ptrdiff_t b_stride, std::int64_t columns,
                               const float* scale, float* c, std::ptrdiff_t c_stride) {
  const std::int64_t lanes = LanesOf();
  std::int64_t column = 0;
  for (; column + kVectors * lanes <= columns; column += kVectors * lanes) {
    MultiplyTile<kAdds, R, kVectors>(a, a_stride, depth, b + column, b_stride, scale, c + column,
                                     c_stride);
  }
  for (; column < columns; column += lanes) {
    MultiplyTile<kAdds, R, 1>(a, a_stride, depth, b + column, b_stride, scale, c + column,
                              c_stride);
  }
}

template <bool kAdds = false>
HWY_INLINE void Multiply(std::int64_t rows, const float* a, std::ptrdiff_t a_stride,
                         std::int64_t depth, const float* b, std::ptrdiff_t b_stride,
                         std::int64_t columns, const float* scale, float* c,
                         std::ptrdiff_t c_stride) {
  using Function = void (*)(const float*, std::ptrdiff_t, std::int64_t, const float*,
                            std::ptrdiff_t, std::int64_t, const float*, float*, std::ptrdiff_t);
  static constexpr Function kByRows[kRows] = {MultiplyRows<kAdds, 1>, MultiplyRows<kAdds, 2>,
                                              MultiplyRows<kAdds, 3>, MultiplyRows<kAdds, 4>,
                                              MultiplyRows<kAdds, 5>, MultiplyRows<kAdds, 6>};
  kByRows[rows - 1](a, a_stride, depth, b, b_stride, columns, scale, c, c_stride);
}

}  // namespace HWY_NAMESPACE
}  // namespace clipq
HWY_AFTER_NAMESPACE();

#endif
