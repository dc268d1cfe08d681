#include <algorithm>
#include <cmath>

#include "clipq/kernels/input_rules.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "value_kernels.cpp"
#include <hwy/foreach_target.h>
// After foreach_target.h, which includes this file once for every instruction set.
#include <hwy/highway.h>

#include "for_each_vector-inl.h"
#include "value_quantizer-inl.h"

HWY_BEFORE_NAMESPACE();
namespace clipq {
namespace HWY_NAMESPACE {
namespace {

void QuantizeValues(const float* x, std::int64_t width, const ValueRule& rule, const RowScale& row,
                    float* out) {
  const hn::ScalableTag<float> d;
  const ValueQuantizer quantize(d, rule, row);
  const hn::CappedTag<float, 1> one;
  const ValueQuantizer quantize_one(one, rule, row);
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  std::int64_t i = 0;
  for (; i + lanes <= width; i += lanes) hn::StoreU(quantize(d, hn::LoadU(d, x + i)), d, out + i);
  for (; i < width; ++i) hn::StoreU(quantize_one(one, hn::LoadU(one, x + i)), one, out + i);
}

/// The upper halves of words: exact for values that bfloat16 holds.
template <class D>
HWY_INLINE void StoreUpperHalves(D /*tag*/, hn::Vec<D> values, std::uint16_t* out) {
  const hn::RebindToUnsigned<D> words;
  const hn::Rebind<std::uint16_t, D> halves;
  const auto upper = hn::ShiftRight<16>(hn::BitCast(words, values));
  hn::StoreU(hn::TruncateTo(halves, upper), halves, out);
}

void QuantizeToBfloat16(const float* x, std::int64_t width, const ValueRule& rule,
                        const RowScale& row, std::uint16_t* out) {
  const hn::ScalableTag<float> d;
  const ValueQuantizer quantize(d, rule, row);
  const hn::CappedTag<float, 1> one;
  const ValueQuantizer quantize_one(one, rule, row);
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  std::int64_t i = 0;
  for (; i + lanes <= width; i += lanes) {
    StoreUpperHalves(d, quantize(d, hn::LoadU(d, x + i)), out + i);
  }
  for (; i < width; ++i) StoreUpperHalves(one, quantize_one(one, hn::LoadU(one, x + i)), out + i);
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace clipq
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace clipq {

HWY_EXPORT(QuantizeValues);
HWY_EXPORT(QuantizeToBfloat16);

namespace {

/// What values are multiples of, and their zero point meanwhile.
RowScale scale_for(const float* x, std::int64_t width, const ValueRule& rule) {
  if (rule.codes.per_row) return scale_of_row(x, width, rule.codes);
  return fixed_scale(rule);
}

/// Values have no zero point.
template <class Value, class Quantize>
RowScale quantize_row_with(const float* x, std::int64_t width, const ValueRule& rule, Value* values,
                           const Quantize& quantize) {
  const RowScale row = scale_for(x, width, rule);
  if (std::isnan(row.scale)) {
    std::fill_n(values, width, Value{0});
  } else {
    quantize(x, width, rule, row, values);
  }
  return {row.scale, 0};
}

}  // namespace

RowScale quantize_values(const float* x, std::int64_t width, const ValueRule& rule, float* values) {
  return quantize_row_with(x, width, rule, values, HWY_DYNAMIC_DISPATCH(QuantizeValues));
}

RowScale quantize_to_bfloat16(const float* x, std::int64_t width, const ValueRule& rule,
                              std::uint16_t* values) {
  return quantize_row_with(x, width, rule, values, HWY_DYNAMIC_DISPATCH(QuantizeToBfloat16));
}

}  // namespace clipq
#endif
