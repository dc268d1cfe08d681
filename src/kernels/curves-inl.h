// Included once for every instruction set, as Highway's own -inl headers are.
#if defined(CLIPQ_CURVES_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef CLIPQ_CURVES_INL
#undef CLIPQ_CURVES_INL
#else
#define CLIPQ_CURVES_INL
#endif

#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace clipq {
namespace HWY_NAMESPACE {

/// 2^x for x in [-126, 126]; x outside counts as the nearer end. Its relative error is below
/// 1e-7 + 4e-8 |x|, of which the second part stems from the rounding of x. (Highway's Exp, exact to
/// the last digits everywhere, takes twice as long.) The polynomial was fitted to 2^f on
/// [-0.5, 0.5] for the least relative error, 7.5e-8.
template <class D, class V>
HWY_INLINE V Exp2(D d, V x) {
  namespace hn = hwy::HWY_NAMESPACE;
  const hn::RebindToSigned<D> integers;
  x = hn::Min(hn::Max(x, hn::Set(d, -126.0F)), hn::Set(d, 126.0F));
  const V whole = hn::Round(x);
  const V f = hn::Sub(x, whole);
  V p = hn::MulAdd(f, hn::Set(d, 0.00132764715F), hn::Set(d, 0.00967554133F));
  p = hn::MulAdd(p, f, hn::Set(d, 0.0555071327F));
  p = hn::MulAdd(p, f, hn::Set(d, 0.240221197F));
  p = hn::MulAdd(p, f, hn::Set(d, 0.693146967F));
  p = hn::MulAdd(p, f, hn::Set(d, 1.00000007F));
  const auto exponent = hn::ShiftLeft<23>(hn::ConvertTo(integers, whole));
  return hn::BitCast(d, hn::Add(hn::BitCast(integers, p), exponent));
}

/// 2^x for x <= 0 within 8e-5 of the value, for results that are rounded to bfloat16 (8 bits). The
/// polynomial was fitted as Exp2's. x below -126 counts as -126.
template <class D, class V>
HWY_INLINE V RoughExp2(D d, V x) {
  namespace hn = hwy::HWY_NAMESPACE;
  const hn::RebindToSigned<D> integers;
  x = hn::Max(x, hn::Set(d, -126.0F));
  const V whole = hn::Round(x);
  const V f = hn::Sub(x, whole);
  V p = hn::MulAdd(f, hn::Set(d, 0.05517168F), hn::Set(d, 0.24261117F));
  p = hn::MulAdd(p, f, hn::Set(d, 0.69326099F));
  p = hn::MulAdd(p, f, hn::Set(d, 0.99992807F));
  const auto exponent = hn::ShiftLeft<23>(hn::ConvertTo(integers, whole));
  return hn::BitCast(d, hn::Add(hn::BitCast(integers, p), exponent));
}

constexpr float kLog2OfE = 1.44269504088896341F;

/// 1 / x within 2 ulp for ordinary x: an estimate and a Newton step.
template <class D, class V>
HWY_INLINE V FastReciprocal(D d, V x) {
  namespace hn = hwy::HWY_NAMESPACE;
  const V estimate = hn::ApproximateReciprocal(x);
  return hn::Mul(estimate, hn::NegMulAdd(estimate, x, hn::Set(d, 2.0F)));
}

/// x / (1 + 2^exponent).
template <class D, class V>
HWY_INLINE V OverOnePlusExp2(D d, V x, V exponent) {
  namespace hn = hwy::HWY_NAMESPACE;
  const V denominator = hn::Add(hn::Set(d, 1.0F), Exp2(d, exponent));
  return hn::Mul(x, FastReciprocal(d, denominator));
}

/// x sigmoid(1.702 x).
template <class D, class V>
HWY_INLINE V QuickGelu(D d, V x) {
  namespace hn = hwy::HWY_NAMESPACE;
  return OverOnePlusExp2(d, x, hn::Mul(x, hn::Set(d, -1.702F * kLog2OfE)));
}

/// 0.5 x (1 + tanh(u)) is x sigmoid(2 u).
template <class D, class V>
HWY_INLINE V GeluTanh(D d, V x) {
  namespace hn = hwy::HWY_NAMESPACE;
  const V cubic = hn::Mul(hn::Mul(x, x), hn::Mul(x, hn::Set(d, 0.044715F)));
  const V slope = hn::Set(d, -1.5957691216057308F * kLog2OfE);
  return OverOnePlusExp2(d, x, hn::Mul(hn::Add(x, cubic), slope));
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
  const V tail = hn::Mul(series, Exp2(d, hn::Mul(hn::Mul(z, z), hn::Set(d, -kLog2OfE))));
  const V half = hn::Mul(x, hn::Set(d, 0.5F));
  // 1 + erf: 2 - tail for positive x, tail for negative; the latter keeps its relative precision.
  const V factor = hn::IfThenElse(hn::Lt(x, hn::Zero(d)), tail, hn::Sub(hn::Set(d, 2.0F), tail));
  return hn::Mul(half, factor);
}

}  // namespace HWY_NAMESPACE
}  // namespace clipq
HWY_AFTER_NAMESPACE();

#endif
