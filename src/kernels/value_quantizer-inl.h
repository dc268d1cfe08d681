// Included once for every instruction set, as Highway's own -inl headers are.
#if defined(CLIPQ_VALUE_QUANTIZER_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef CLIPQ_VALUE_QUANTIZER_INL
#undef CLIPQ_VALUE_QUANTIZER_INL
#else
#define CLIPQ_VALUE_QUANTIZER_INL
#endif

#include <hwy/highway.h>

#include <limits>

#include "clipq/kernels/input_rules.h"

HWY_BEFORE_NAMESPACE();
namespace clipq {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

/// values / scale, correctly rounded as a division is: the error of multiplying with the inverse is
/// found by a fused multiply-add and made up for (Markstein), which is faster than dividing.
template <class V>
HWY_INLINE V Quotient(V values, V scale, [[maybe_unused]] V inverse) {
#if HWY_TARGET <= HWY_AVX2
  const V quotient = hn::Mul(values, inverse);
  return hn::MulAdd(hn::NegMulAdd(quotient, scale, values), inverse, quotient);
#else
  return hn::Div(values, scale);  // no fused multiply-add
#endif
}

/// The values between two ends; NaN stays NaN: of operands that can't be compared, x86 takes the
/// second one.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V Clamp([[maybe_unused]] D d, V values, V lowest, V highest) {
#if HWY_ARCH_X86 && HWY_TARGET <= HWY_SSE4
  return hn::Min(highest, hn::Max(lowest, values));
#else
  const V clamped = hn::Min(highest, hn::Max(lowest, values));
  return hn::IfThenElse(hn::IsNaN(values), values, clamped);
#endif
}

/// Turns floats into the values of codes, a vector at a time.
template <class D>
class ValueQuantizer {
 public:
  ValueQuantizer(D d, const ValueRule& rule, const RowScale& row)
      : scale_(hn::Set(d, row.scale)),
        inverse_(hn::Set(d, 1 / row.scale)),
        lowest_(hn::Set(d, rule.codes.lowest - static_cast<float>(row.zero_point))),
        highest_(hn::Set(d, rule.codes.highest - static_cast<float>(row.zero_point))),
        least_(hn::Max(hn::Mul(hn::Mul(lowest_, scale_), hn::Set(d, 2.0F)), hn::Set(d, -kMost))),
        most_(hn::Min(hn::Mul(hn::Mul(highest_, scale_), hn::Set(d, 2.0F)), hn::Set(d, kMost))),
        smallest_step_(hn::Set(d, rule.smallest_step)),
        relative_step_(hn::Set(d, rule.relative_step)) {}

  HWY_INLINE hn::Vec<D> operator()(D d, hn::Vec<D> x) const {
    // Of infinity there is no quotient.
    const auto finite = Clamp(d, x, least_, most_);
    const auto values = Clamp(d, Quotient(finite, scale_, inverse_), lowest_, highest_);
    const hn::RebindToUnsigned<D> words;
    const auto exponents = hn::And(hn::BitCast(words, values), hn::Set(words, 0x7F800000U));
    const auto steps = hn::Max(hn::Mul(hn::BitCast(d, exponents), relative_step_), smallest_step_);
    // Beside 1.5 * 2^23 steps a float has no digits left but those of whole steps, so that adding
    // rounds, half to even.
    const auto large = hn::Mul(steps, hn::Set(d, 0x1.8p23F));
    return hn::Sub(hn::Add(values, large), large);
  }

 private:
  static constexpr float kMost = std::numeric_limits<float>::max();

  hn::Vec<D> scale_, inverse_, lowest_, highest_, least_, most_, smallest_step_, relative_step_;
};

}  // namespace HWY_NAMESPACE
}  // namespace clipq
HWY_AFTER_NAMESPACE();

#endif
