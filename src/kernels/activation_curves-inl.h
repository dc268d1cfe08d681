// Included once for every instruction set, as Highway's own -inl headers are.
#if defined(CLIPQ_ACTIVATION_CURVES_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef CLIPQ_ACTIVATION_CURVES_INL
#undef CLIPQ_ACTIVATION_CURVES_INL
#else
#define CLIPQ_ACTIVATION_CURVES_INL
#endif

#include <hwy/contrib/math/math-inl.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace clipq {
namespace HWY_NAMESPACE {

/// x / (1 + exp(-slope)): x times the sigmoid of `slope`.
template <class D, class V>
HWY_INLINE V TimesSigmoid(D d, V x, V slope) {
  namespace hn = hwy::HWY_NAMESPACE;
  constexpr float kLargestExponent = 88;  // exp of more overflows
  const V exponent = hn::Min(hn::Neg(slope), hn::Set(d, kLargestExponent));
  return hn::Div(x, hn::Add(hn::Set(d, 1.0F), hn::Exp(d, exponent)));
}

template <class D, class V>
HWY_INLINE V QuickGelu(D d, V x) {
  namespace hn = hwy::HWY_NAMESPACE;
  return TimesSigmoid(d, x, hn::Mul(x, hn::Set(d, 1.702F)));
}

/// 0.5 x (1 + tanh(u)) is x sigmoid(2 u).
template <class D, class V>
HWY_INLINE V GeluTanh(D d, V x) {
  namespace hn = hwy::HWY_NAMESPACE;
  const V cubic = hn::Mul(hn::Mul(x, x), hn::Mul(x, hn::Set(d, 0.044715F)));
  return TimesSigmoid(d, x, hn::Mul(hn::Add(x, cubic), hn::Set(d, 1.5957691216057308F)));
}

/// 0.5 x (1 + erf(x / sqrt(2))), erf by Abramowitz and Stegun 7.1.26: within 1.5e-7.
template <class D, class V>
HWY_INLINE V Gelu(D d, V x) {
  namespace hn = hwy::HWY_NAMESPACE;
  const V one = hn::Set(d, 1.0F);
  const V z = hn::Mul(hn::Abs(x), hn::Set(d, 0.70710678F));
  const V t = hn::Div(one, hn::MulAdd(z, hn::Set(d, 0.3275911F), one));
  V series = hn::MulAdd(t, hn::Set(d, 1.061405429F), hn::Set(d, -1.453152027F));
  series = hn::MulAdd(t, series, hn::Set(d, 1.421413741F));
  series = hn::MulAdd(t, series, hn::Set(d, -0.284496736F));
  series = hn::Mul(t, hn::MulAdd(t, series, hn::Set(d, 0.254829592F)));
  const V tail = hn::Mul(series, hn::Exp(d, hn::Neg(hn::Mul(z, z))));
  const V half = hn::Mul(x, hn::Set(d, 0.5F));
  // 1 + erf: 2 - tail for positive x, tail for negative; the latter keeps its relative precision.
  const V factor = hn::IfThenElse(hn::Lt(x, hn::Zero(d)), tail, hn::Sub(hn::Set(d, 2.0F), tail));
  return hn::Mul(half, factor);
}

}  // namespace HWY_NAMESPACE
}  // namespace clipq
HWY_AFTER_NAMESPACE();

#endif
