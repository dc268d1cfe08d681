#include "attend_head.h"

#include <algorithm>
#include <cmath>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "float_attention.cpp"
#include <hwy/foreach_target.h>
// After foreach_target.h, which includes this file once for every instruction set.
#include <hwy/highway.h>

#include "attention-inl.h"
#include "float_product-inl.h"
#include "value_quantizer-inl.h"

HWY_BEFORE_NAMESPACE();
namespace clipq {
namespace HWY_NAMESPACE {

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

/// Makes a row of scores softmax's values, or, if they are quantized, the values of their codes;
/// returns what products with them are still to be multiplied by.
HWY_INLINE float Softmax(float* scores, std::int64_t count, std::int64_t padded,
                         const std::optional<ValueRule>& rule) {
  const float inverse = Exponentials(scores, count, padded);
  if (!rule) return inverse;
  const Floats d;
  const ValueQuantizer quantize(d, *rule, fixed_scale(*rule));
  const auto inverses = hn::Set(d, inverse);
  for (std::int64_t i = 0; i < padded; i += LanesOf()) {
    const auto probabilities = hn::Mul(hn::LoadU(d, scores + i), inverses);
    hn::StoreU(quantize(d, probabilities), d, scores + i);
  }
  return rule->codes.scale;
}

/// What a head's operands are multiples of.
struct OperandScales {
  float queries_and_keys = 1;
  float values = 1;
};

/// Floats that Attend() works in.
std::int64_t RoomToAttend(const HeadView& head) {
  const std::int64_t lanes = LanesOf();
  const std::int64_t tokens = RoundUp(head.tokens, lanes);
  return head.head_width * tokens + kRows * (tokens + RoundUp(head.head_width, lanes));
}

void Attend(const HeadView& head, const OperandScales& scales, const HeadQuantizers& quantizers,
            float* room) {
  const std::int64_t lanes = LanesOf();
  const std::int64_t tokens = RoundUp(head.tokens, lanes);
  const std::int64_t width = RoundUp(head.head_width, lanes);
  float* const keys = room;
  float* const scores = keys + head.head_width * tokens;
  float* const sums = scores + kRows * tokens;
  Transpose(head.keys, head.key_stride, head.tokens, head.head_width, keys, tokens);
  for (std::int64_t c = 0; c < head.head_width; ++c) {
    std::fill(keys + c * tokens + head.tokens, keys + (c + 1) * tokens, 0.0F);
  }
  // Scores to the base 2 make softmax a power of 2.
  const float scale =
      scales.queries_and_keys * kLog2OfE / std::sqrt(static_cast<float>(head.head_width));
  const std::int64_t whole_width = head.head_width / lanes * lanes;
  for (std::int64_t first = 0; first < head.query_rows; first += kRows) {
    const std::int64_t rows = std::min<std::int64_t>(kRows, head.query_rows - first);
    const std::int64_t visible = head.causal ? first + rows : head.tokens;
    const std::int64_t padded = RoundUp(visible, lanes);
    Multiply(rows, head.queries + first * head.query_stride, head.query_stride, head.head_width,
             keys, tokens, padded, &scale, scores, tokens);
    float factors[kRows];
    for (std::int64_t r = 0; r < rows; ++r) {
      const std::int64_t count = head.causal ? first + r + 1 : head.tokens;
      factors[r] = scales.values * Softmax(scores + r * tokens, count, padded, quantizers.softmax);
    }
    if (whole_width > 0) {
      Multiply(rows, scores, tokens, visible, head.values, head.key_stride, whole_width, &kOne,
               sums, width);
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
      for (std::int64_t c = 0; c < head.head_width; ++c) out[c] = sums[r * width + c] * factors[r];
    }
  }
}

void AttendHead(const HeadView& head, AttentionScratch& scratch) {
  Attend(head, {}, {}, Room(scratch.floats, RoomToAttend(head)));
}

/// Rows of an operand side by side in `room`, as the values of their codes if there is a rule;
/// returns what they are multiples of.
float LoadOperand(const float* operand, std::ptrdiff_t stride, std::int64_t rows,
                  std::int64_t width, const std::optional<ValueRule>& rule, float* room) {
  for (std::int64_t r = 0; r < rows; ++r) {
    if (rule) {
      quantize_values(operand + r * stride, width, *rule, room + r * width);
    } else {
      std::copy_n(operand + r * stride, width, room + r * width);
    }
  }
  return rule ? rule->codes.scale : 1;
}

/// A row quantized and dequantized in place.
void SimulateRow(const ValueRule& rule, std::int64_t width, float* row) {
  const RowScale scale = quantize_values(row, width, rule, row);
  for (std::int64_t i = 0; i < width; ++i) row[i] *= scale.scale;
}

void AttendQuantizedHead(const HeadView& head, const HeadQuantizers& quantizers,
                         AttentionScratch& scratch) {
  const std::int64_t width = head.head_width;
  float* const queries =
      Room(scratch.floats, (head.query_rows + 2 * head.tokens) * width + RoomToAttend(head));
  float* const keys = queries + head.query_rows * width;
  float* const values = keys + head.tokens * width;
  const float query_scale = LoadOperand(head.queries, head.query_stride, head.query_rows, width,
                                        quantizers.queries, queries);
  const float key_scale =
      LoadOperand(head.keys, head.key_stride, head.tokens, width, quantizers.keys, keys);
  const float value_scale =
      LoadOperand(head.values, head.key_stride, head.tokens, width, quantizers.values, values);
  HeadView loaded = head;
  loaded.queries = queries;
  loaded.keys = keys;
  loaded.values = values;
  loaded.query_stride = loaded.key_stride = width;
  Attend(loaded, {query_scale * key_scale, value_scale}, quantizers, values + head.tokens * width);
  if (!quantizers.output) return;
  for (std::int64_t r = 0; r < head.query_rows; ++r) {
    SimulateRow(*quantizers.output, width, head.out + r * head.out_stride);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace clipq
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace clipq {

HWY_EXPORT(AttendHead);
HWY_EXPORT(AttendQuantizedHead);

void attend_head(const HeadView& head, AttentionScratch& scratch) {
  HWY_DYNAMIC_DISPATCH(AttendHead)(head, scratch);
}

void attend_quantized_head(const HeadView& head, const HeadQuantizers& quantizers,
                           AttentionScratch& scratch) {
  HWY_DYNAMIC_DISPATCH(AttendQuantizedHead)(head, quantizers, scratch);
}

}  // namespace clipq
#endif
