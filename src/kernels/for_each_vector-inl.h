// Included once for every instruction set, as Highway's own -inl headers are.
#if defined(CLIPQ_FOR_EACH_VECTOR_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef CLIPQ_FOR_EACH_VECTOR_INL
#undef CLIPQ_FOR_EACH_VECTOR_INL
#else
#define CLIPQ_FOR_EACH_VECTOR_INL
#endif

#include <hwy/highway.h>

#include <cstdint>

HWY_BEFORE_NAMESPACE();
namespace clipq {
namespace HWY_NAMESPACE {

/// Calls body(vector tag, offset) for whole vectors of floats, then for the rest one value at a
/// time.
template <class Body>
HWY_INLINE void ForEachVector(std::int64_t count, const Body& body) {
  namespace hn = hwy::HWY_NAMESPACE;
  const hn::ScalableTag<float> d;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  std::int64_t i = 0;
  for (; i + lanes <= count; i += lanes) body(d, i);
  for (; i < count; ++i) body(hn::CappedTag<float, 1>(), i);
}

}  // namespace HWY_NAMESPACE
}  // namespace clipq
HWY_AFTER_NAMESPACE();

#endif
