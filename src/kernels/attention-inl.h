// Included once for every instruction set, as Highway's own -inl headers are.
#if defined(CLIPQ_ATTENTION_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef CLIPQ_ATTENTION_INL
#undef CLIPQ_ATTENTION_INL
#else
#define CLIPQ_ATTENTION_INL
#endif

#include <hwy/highway.h>

#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

#include "curves-inl.h"

HWY_BEFORE_NAMESPACE();
namespace clipq {
namespace HWY_NAMESPACE {

HWY_INLINE std::int64_t RoundUp(std::int64_t n, std::int64_t step) {
  return (n + step - 1) / step * step;
}

/// At least `count` values; what is large enough is kept.
template <class T>
T* Room(std::vector<T>& buffer, std::int64_t count) {
  if (buffer.size() < static_cast<std::size_t>(count))
    buffer.resize(static_cast<std::size_t>(count));
  return buffer.data();
}

/// `rows` rows of x as columns of `out`, whose rows are `stride` apart.
/// `T` has four bytes.
template <class T>
HWY_INLINE void Transpose(const T* x, std::ptrdiff_t x_stride, std::int64_t rows,
                          std::int64_t width, T* out, std::ptrdiff_t stride) {
#if HWY_TARGET == HWY_SCALAR
  const std::int64_t whole_rows = 0;
  const std::int64_t whole_width = 0;
#else
  namespace hn = hwy::HWY_NAMESPACE;
  const hn::FixedTag<T, 4> d;
  const hn::Repartition<double, decltype(d)> pairs;
  const std::int64_t whole_rows = rows / 4 * 4;
  const std::int64_t whole_width = width / 4 * 4;
  for (std::int64_t r = 0; r < whole_rows; r += 4) {
    for (std::int64_t c = 0; c < whole_width; c += 4) {
      const T* source = x + r * x_stride + c;
      const auto v0 = hn::LoadU(d, source);
      const auto v1 = hn::LoadU(d, source + x_stride);
      const auto v2 = hn::LoadU(d, source + 2 * x_stride);
      const auto v3 = hn::LoadU(d, source + 3 * x_stride);
      const auto low01 = hn::BitCast(pairs, hn::InterleaveLower(d, v0, v1));
      const auto low23 = hn::BitCast(pairs, hn::InterleaveLower(d, v2, v3));
      const auto high01 = hn::BitCast(pairs, hn::InterleaveUpper(d, v0, v1));
      const auto high23 = hn::BitCast(pairs, hn::InterleaveUpper(d, v2, v3));
      T* target = out + c * stride + r;
      hn::StoreU(hn::BitCast(d, hn::InterleaveLower(pairs, low01, low23)), d, target);
      hn::StoreU(hn::BitCast(d, hn::InterleaveUpper(pairs, low01, low23)), d, target + stride);
      hn::StoreU(hn::BitCast(d, hn::InterleaveLower(pairs, high01, high23)), d,
                 target + 2 * stride);
      hn::StoreU(hn::BitCast(d, hn::InterleaveUpper(pairs, high01, high23)), d,
                 target + 3 * stride);
    }
  }
#endif
  for (std::int64_t r = 0; r < rows; ++r) {
    const std::int64_t first = r < whole_rows ? whole_width : 0;
    for (std::int64_t c = first; c < width; ++c) out[c * stride + r] = x[r * x_stride + c];
  }
}

/// Softmax of a row in two steps: the greatest score, then powers of 2.
/// Minus infinity goes behind the `count` scores, up to `padded`.
HWY_INLINE hwy::HWY_NAMESPACE::Vec<hwy::HWY_NAMESPACE::ScalableTag<float>> GreatestScore(
    float* scores, std::int64_t count, std::int64_t padded) {
  namespace hn = hwy::HWY_NAMESPACE;
  const hn::ScalableTag<float> d;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  for (std::int64_t i = count; i < padded; ++i) {
    scores[i] = -std::numeric_limits<float>::infinity();
  }
  auto most = hn::LoadU(d, scores);
  for (std::int64_t i = lanes; i < padded; i += lanes) {
    most = hn::Max(hn::LoadU(d, scores + i), most);
  }
  return hn::MaxOfLanes(d, most);
}

}  // namespace HWY_NAMESPACE
}  // namespace clipq
HWY_AFTER_NAMESPACE();

#endif
