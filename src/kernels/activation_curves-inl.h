// Included once for every instruction set, as Highway's own -inl headers are.
#if defined(CLIPQ_ACTIVATION_CURVES_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef CLIPQ_ACTIVATION_CURVES_INL
#undef CLIPQ_ACTIVATION_CURVES_INL
#else
#define CLIPQ_ACTIVATION_CURVES_INL
#endif

#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace clipq {
namespace HWY_NAMESPACE {

/// exp(x) within 1 ulp or so for x in [-87, 88]; x outside counts as the nearer end, NaN as 88. The
/// polynomial is that of Cephes' expf. (Highway's Exp, right for all x, takes half as long again.)
template <class D, class V>
HWY_INLINE V BoundedExp(D d, V x) {
  namespace hn = hwy::HWY_NAMESPACE;
  const hn::RebindToSigned<D> di;
  x = hn::Min(hn::Max(x, hn::Set(d, -87.0F)), hn::Set(d, 88.0F));
  const V n = hn::Round(hn::Mul(x, hn::Set(d, 1.44269504088896341F)));
  V r = hn::NegMulAdd(n, hn::Set(d, 0.693359375F), x);
  r = hn::NegMulAdd(n, hn::Set(d, -2.12194440e-4F), r);
  V p = hn::MulAdd(r, hn::Set(d, 1.9875691500e-4F), hn::Set(d, 1.3981999507e-3F));
  p = hn::MulAdd(p, r, hn::Set(d, 8.3334519073e-3F));
  p = hn::MulAdd(p, r, hn::Set(d, 4.1665795894e-2F));
  p = hn::MulAdd(p, r, hn::Set(d, 1.6666665459e-1F));
  p = hn::MulAdd(p, r, hn::Set(d, 5.0000001201e-1F));
  p = hn::MulAdd(hn::Mul(r, r), p, hn::Add(r, hn::Set(d, 1.0F)));
  const auto exponent = hn::Add(hn::ConvertTo(di, n), hn::Set(di, 127));
  return hn::Mul(p, hn::BitCast(d, hn::ShiftLeft<23>(exponent)));
}

/// 1 / x within 2 ulp for ordinary x: an estimate and a Newton step.
template <class D, class V>
HWY_INLINE V FastReciprocal(D d, V x) {
  namespace hn = hwy::HWY_NAMESPACE;
  const V estimate = hn::ApproximateReciprocal(x);
  return hn::Mul(estimate, hn::NegMulAdd(estimate, x, hn::Set(d, 2.0F)));
}

/// x / (1 + exp(-slope)): x times the sigmoid of `slope`.
template <class D, class V>
HWY_INLINE V TimesSigmoid(D d, V x, V slope) {
  namespace hn = hwy::HWY_NAMESPACE;
  const V denominator = hn::Add(hn::Set(d, 1.0F), BoundedExp(d, hn::Neg(slope)));
  return hn::Mul(x, FastReciprocal(d, denominator));
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
  const V t = FastReciprocal(d, hn::MulAdd(z, hn::Set(d, 0.3275911F), one));
  V series = hn::MulAdd(t, hn::Set(d, 1.061405429F), hn::Set(d, -1.453152027F));
  series = hn::MulAdd(t, series, hn::Set(d, 1.421413741F));
  series = hn::MulAdd(t, series, hn::Set(d, -0.284496736F));
  series = hn::Mul(t, hn::MulAdd(t, series, hn::Set(d, 0.254829592F)));
  const V tail = hn::Mul(series, BoundedExp(d, hn::Neg(hn::Mul(z, z))));
  const V half = hn::Mul(x, hn::Set(d, 0.5F));
  // 1 + erf: 2 - tail for positive x, tail for negative; the latter keeps its relative precision.
  const V factor = hn::IfThenElse(hn::Lt(x, hn::Zero(d)), tail, hn::Sub(hn::Set(d, 2.0F), tail));
  return hn::Mul(half, factor);
}

}  // namespace HWY_NAMESPACE
}  // namespace clipq
HWY_AFTER_NAMESPACE();

#endif
