#include "attend_head.h"

#include <algorithm>
#include <cmath>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "float_attention.cpp"
#include <hwy/foreach_target.h>
// After foreach_target.h, which includes this file once for every instruction set.
#include <hwy/highway.h>

#include "attention-inl.h"

HWY_BEFORE_NAMESPACE();
namespace clipq {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

using Floats = hn::ScalableTag<float>;
using FloatVector = hn::Vec<Floats>;

/// Accumulators of a tile: kRows * kVectors registers, and a few more for operands.
constexpr int kRows = 6;
constexpr int kVectors = HWY_TARGET <= HWY_AVX3 ? 4 : 2;

HWY_INLINE std::int64_t LanesOf() { return static_cast<std::int64_t>(hn::Lanes(Floats())); }

/// c[r][0 .. V vectors) = scale * sum over k < depth of a[r][k] * b[k][...], for `R` rows.
template <int R, int V>
HWY_INLINE void MultiplyTile(const float* a, std::ptrdiff_t a_stride, std::int64_t depth,
                             const float* b, std::ptrdiff_t b_stride, float scale, float* c,
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
  const FloatVector scales = hn::Set(d, scale);
#pragma GCC unroll 8
  for (int r = 0; r < R; ++r) {
#pragma GCC unroll 4
    for (int v = 0; v < V; ++v) {
      hn::StoreU(hn::Mul(sums[r][v], scales), d, c + r * c_stride + v * lanes);
    }
  }
}

/// The product over `columns`, a multiple of the lanes.
template <int R>
HWY_NOINLINE void MultiplyRows(const float* a, std::ptrdiff_t a_stride, std::int64_t depth,
                               const float* b, std::ptrdiff_t b_stride, std::int64_t columns,
                               float scale, float* c, std::ptrdiff_t c_stride) {
  const std::int64_t lanes = LanesOf();
  std::int64_t column = 0;
  for (; column + kVectors * lanes <= columns; column += kVectors * lanes) {
    MultiplyTile<R, kVectors>(a, a_stride, depth, b + column, b_stride, scale, c + column,
                              c_stride);
  }
  for (; column < columns; column += lanes) {
    MultiplyTile<R, 1>(a, a_stride, depth, b + column, b_stride, scale, c + column, c_stride);
  }
}

HWY_INLINE void Multiply(std::int64_t rows, const float* a, std::ptrdiff_t a_stride,
                         std::int64_t depth, const float* b, std::ptrdiff_t b_stride,
                         std::int64_t columns, float scale, float* c, std::ptrdiff_t c_stride) {
  using Function = void (*)(const float*, std::ptrdiff_t, std::int64_t, const float*,
                            std::ptrdiff_t, std::int64_t, float, float*, std::ptrdiff_t);
  static constexpr Function kByRows[kRows] = {MultiplyRows<1>, MultiplyRows<2>, MultiplyRows<3>,
                                              MultiplyRows<4>, MultiplyRows<5>, MultiplyRows<6>};
  kByRows[rows - 1](a, a_stride, depth, b, b_stride, columns, scale, c, c_stride);
}

/// 2^(x - max) of `count` scores in place, zeros behind them up to `padded`; returns 1 / sum.
HWY_INLINE float Exponentials(float* scores, std::int64_t count, std::int64_t padded) {
  const Floats d;
  const std::int64_t lanes = LanesOf();
  const auto offset = GreatestScore(scores, count, padded);
  auto sums = hn::Zero(d);
  for (std::int64_t i = 0; i < padded; i += lanes) {
    const auto values = Exp2(d, hn::Sub(hn::LoadU(d, scores + i), offset));
    sums = hn::Add(sums, values);
    hn::StoreU(values, d, scores + i);
  }
  for (std::int64_t i = count; i < padded; ++i) scores[i] = 0;
  return 1 / hn::GetLane(hn::SumOfLanes(d, sums));
}

void AttendHead(const HeadView& head, AttentionScratch& scratch) {
  const std::int64_t lanes = LanesOf();
  const std::int64_t tokens = RoundUp(head.tokens, lanes);
  const std::int64_t width = RoundUp(head.head_width, lanes);
  const auto size =
      static_cast<std::size_t>(head.head_width * tokens + kRows * tokens + kRows * width);
  if (scratch.floats.size() < size) scratch.floats.resize(size);
  float* const keys = scratch.floats.data();
  float* const scores = keys + head.head_width * tokens;
  float* const sums = scores + kRows * tokens;
  Transpose(head.keys, head.key_stride, head.tokens, head.head_width, keys, tokens);
  for (std::int64_t c = 0; c < head.head_width; ++c) {
    std::fill(keys + c * tokens + head.tokens, keys + (c + 1) * tokens, 0.0F);
  }
  // Scores to the base 2 make softmax a power of 2.
  const float scale = kLog2OfE / std::sqrt(static_cast<float>(head.head_width));
  const std::int64_t whole_width = head.head_width / lanes * lanes;
  for (std::int64_t first = 0; first < head.query_rows; first += kRows) {
    const std::int64_t rows = std::min<std::int64_t>(kRows, head.query_rows - first);
    const std::int64_t visible = head.causal ? first + rows : head.tokens;
    const std::int64_t padded = RoundUp(visible, lanes);
    Multiply(rows, head.queries + first * head.query_stride, head.query_stride, head.head_width,
             keys, tokens, padded, scale, scores, tokens);
    float inverse[kRows];
    for (std::int64_t r = 0; r < rows; ++r) {
      const std::int64_t count = head.causal ? first + r + 1 : head.tokens;
      inverse[r] = Exponentials(scores + r * tokens, count, padded);
    }
    if (whole_width > 0) {
      Multiply(rows, scores, tokens, visible, head.values, head.key_stride, whole_width, 1, sums,
               width);
    }
    for (std::int64_t r = 0; r < rows; ++r) {
      for (std::int64_t c = whole_width; c < head.head_width; ++c) {
        float sum = 0;
        for (std::int64_t t = 0; t < visible; ++t) {
          sum += scores[r * tokens + t] * head.values[t * head.key_stride + c];
        }
        sums[r * width + c] = sum;
      }
      float* out = head.out + (first + r) * head.out_stride;
      for (std::int64_t c = 0; c < head.head_width; ++c) out[c] = sums[r * width + c] * inverse[r];
    }
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace clipq
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace clipq {

HWY_EXPORT(AttendHead);

void attend_head(const HeadView& head, AttentionScratch& scratch) {
  HWY_DYNAMIC_DISPATCH(AttendHead)(head, scratch);
}

}  // namespace clipq
#endif
