#include <algorithm>
#include <cmath>

#include "attend_head.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "bfloat16_attention.cpp"
#include <hwy/foreach_target.h>
// After foreach_target.h, which includes this file once for every instruction set.
#include <hwy/highway.h>

#include "attention-inl.h"
#include "for_each_vector-inl.h"

HWY_BEFORE_NAMESPACE();
namespace clipq {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

/// Values as bfloat16 in the lower halves of words, rounded to the nearest, ties to even.
template <class D, class V>
HWY_INLINE auto RoundToBfloat16(D /*tag*/, V values) {
  const hn::RebindToUnsigned<D> words;
  const auto bits = hn::BitCast(words, values);
  const auto odd = hn::And(hn::ShiftRight<16>(bits), hn::Set(words, 1U));
  const auto rounded = hn::Add(bits, hn::Add(odd, hn::Set(words, 0x7FFFU)));
  const auto nan = hn::RebindMask(words, hn::IsNaN(values));
  return hn::ShiftRight<16>(hn::IfThenElse(nan, hn::Set(words, 0x7FC00000U), rounded));
}

HWY_INLINE void RowToBfloat16(const float* x, std::int64_t width, float scale, std::uint16_t* out) {
  ForEachVector(width, [&](auto d, std::int64_t i) HWY_ATTR {
    const auto scaled = hn::Mul(hn::LoadU(d, x + i), hn::Set(d, scale));
    const hn::Rebind<std::uint16_t, decltype(d)> halves;
    hn::StoreU(hn::TruncateTo(halves, RoundToBfloat16(d, scaled)), halves, out + i);
  });
}

/// Two rows as pairs: the upper one's values in the lower halves. Without a lower row, zeros.
HWY_INLINE void RowsToPairs(const float* upper, const float* lower, std::int64_t width,
                            std::uint32_t* out) {
  ForEachVector(width, [&](auto d, std::int64_t i) HWY_ATTR {
    const hn::RebindToUnsigned<decltype(d)> words;
    auto pairs = RoundToBfloat16(d, hn::LoadU(d, upper + i));
    if (lower != nullptr) {
      const auto high = RoundToBfloat16(d, hn::LoadU(d, lower + i));
      pairs = hn::Or(pairs, hn::ShiftLeft<16>(high));
    }
    hn::StoreU(pairs, words, out + i);
  });
}

/// 2^(x - max) of `count` scores as bfloat16, ties rounded up, zeros behind them up to `padded`;
/// returns 1 / sum.
HWY_INLINE float Exponentials(float* scores, std::int64_t count, std::int64_t padded,
                              std::uint16_t* out) {
  const hn::ScalableTag<float> d;
  const hn::RebindToUnsigned<decltype(d)> words;
  const hn::Rebind<std::uint16_t, decltype(d)> halves;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  const auto offset = GreatestScore(scores, count, padded);
  auto sums = hn::Zero(d);
  for (std::int64_t i = 0; i < padded; i += lanes) {
    const auto values = RoughExp2(d, hn::Sub(hn::LoadU(d, scores + i), offset));
    sums = hn::Add(sums, values);
    const auto rounded = hn::Add(hn::BitCast(words, values), hn::Set(words, 0x8000U));
    hn::StoreU(hn::TruncateTo(halves, hn::ShiftRight<16>(rounded)), halves, out + i);
  }
  std::fill(out + count, out + padded, std::uint16_t{0});
  return 1 / hn::GetLane(hn::SumOfLanes(d, sums));
}

/// Where the operands of one head lie in the scratch.
struct Operands {
  std::int64_t tokens;      ///< rounded up to whole steps and tiles
  std::int64_t width;       ///< likewise
  std::uint16_t* queries;   ///< [kRows][width]
  std::uint16_t* weights;   ///< [kRows][tokens], softmax
  std::uint32_t* keys;      ///< [width / 2][tokens]
  std::uint32_t* key_rows;  ///< [tokens][width / 2]
  std::uint32_t* values;    ///< [tokens / 2][width]
  float* scores;            ///< [kRows][tokens]
  float* sums;              ///< [kRows][width]
};

Operands Arrange(const HeadView& head, AttentionScratch& scratch) {
  constexpr std::int64_t kRows = Bfloat16Kernel::kRows;
  Operands operands{};
  operands.tokens = RoundUp(head.tokens, Bfloat16Kernel::kColumns);
  operands.width = RoundUp(head.head_width, Bfloat16Kernel::kColumns);
  const std::int64_t matrix = operands.tokens * operands.width / 2;
  operands.queries = Room(scratch.halves, kRows * (operands.width + operands.tokens));
  operands.weights = operands.queries + kRows * operands.width;
  operands.keys = Room(scratch.pairs, 3 * matrix);
  operands.key_rows = operands.keys + matrix;
  operands.values = operands.key_rows + matrix;
  operands.scores = Room(scratch.floats, kRows * (operands.width + operands.tokens));
  operands.sums = operands.scores + kRows * operands.tokens;
  return operands;
}

/// Keys as columns and values as they are, both in pairs along what products sum over.
HWY_INLINE void PackKeysAndValues(const HeadView& head, const Operands& operands) {
  const std::int64_t half_width = operands.width / 2;
  std::fill_n(operands.key_rows, operands.tokens * half_width, 0U);
  for (std::int64_t t = 0; t < head.tokens; ++t) {
    // A pair of neighbours in a row is a word of it.
    auto* row = reinterpret_cast<std::uint16_t*>(operands.key_rows + t * half_width);
    RowToBfloat16(head.keys + t * head.key_stride, head.head_width, 1, row);
  }
  Transpose(operands.key_rows, half_width, operands.tokens, half_width, operands.keys,
            operands.tokens);
  std::fill_n(operands.values, operands.tokens * half_width, 0U);
  for (std::int64_t t = 0; t < head.tokens; t += 2) {
    const float* upper = head.values + t * head.key_stride;
    RowsToPairs(upper, t + 1 < head.tokens ? upper + head.key_stride : nullptr, head.head_width,
                operands.values + t / 2 * operands.width);
  }
}

void AttendHeadInBfloat16(const HeadView& head, const Bfloat16Kernel& kernel,
                          AttentionScratch& scratch) {
  constexpr std::int64_t kRows = Bfloat16Kernel::kRows;
  constexpr std::int64_t kDepth = Bfloat16Kernel::kDepth;
  const Operands operands = Arrange(head, scratch);
  PackKeysAndValues(head, operands);
  std::fill_n(operands.queries, kRows * operands.width, std::uint16_t{0});
  // Scores to the base 2 make softmax a power of 2.
  const float scale = kLog2OfE / std::sqrt(static_cast<float>(head.head_width));
  kernel.begin();
  for (std::int64_t first = 0; first < head.query_rows; first += kRows) {
    const auto rows = static_cast<int>(std::min(kRows, head.query_rows - first));
    for (int r = 0; r < rows; ++r) {
      RowToBfloat16(head.queries + (first + r) * head.query_stride, head.head_width, scale,
                    operands.queries + r * operands.width);
    }
    const std::int64_t visible = head.causal ? first + rows : head.tokens;
    const std::int64_t padded = RoundUp(visible, kDepth);
    kernel.multiply({.left = {operands.queries, operands.width, rows},
                     .right = {operands.keys, operands.tokens},
                     .steps = operands.width / kDepth,
                     .columns = padded},
                    operands.scores, operands.tokens);
    float inverse[kRows];
    for (int r = 0; r < rows; ++r) {
      inverse[r] = Exponentials(operands.scores + r * operands.tokens,
                                head.causal ? first + r + 1 : head.tokens, padded,
                                operands.weights + r * operands.tokens);
    }
    kernel.multiply({.left = {operands.weights, operands.tokens, rows},
                     .right = {operands.values, operands.width},
                     .steps = padded / kDepth,
                     .columns = operands.width},
                    operands.sums, operands.width);
    for (int r = 0; r < rows; ++r) {
      const float* sums = operands.sums + r * operands.width;
      float* out = head.out + (first + r) * head.out_stride;
      ForEachVector(head.head_width, [&](auto d, std::int64_t i) HWY_ATTR {
        hn::StoreU(hn::Mul(hn::LoadU(d, sums + i), hn::Set(d, inverse[r])), d, out + i);
      });
    }
  }
  kernel.end();
}

}  // namespace HWY_NAMESPACE
}  // namespace clipq
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace clipq {

HWY_EXPORT(AttendHeadInBfloat16);

void attend_head_in_bfloat16(const HeadView& head, const Bfloat16Kernel& kernel,
                             AttentionScratch& scratch) {
  HWY_DYNAMIC_DISPATCH(AttendHeadInBfloat16)(head, kernel, scratch);
}

}  // namespace clipq
#endif
