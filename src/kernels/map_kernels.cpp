#include "clipq/kernels/map_kernels.h"

#include <algorithm>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "map_kernels.cpp"
#include <hwy/foreach_target.h>
// After foreach_target.h, which includes this file once for every instruction set.
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace clipq {
namespace HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;

/// Copies `count` bytes by vectors, of which the last may overlap the one before.
template <class D>
HWY_INLINE void CopyBytes(D d, const std::uint8_t* from, std::int64_t count, std::uint8_t* to) {
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  for (std::int64_t i = 0; i + lanes < count; i += lanes) {
    hn::StoreU(hn::LoadU(d, from + i), d, to + i);
  }
  hn::StoreU(hn::LoadU(d, from + count - lanes), d, to + count - lanes);
}

void CopyStretches(const Stretches& from, std::int64_t windows, std::uint8_t* to,
                   std::ptrdiff_t to_stride) {
  const hn::ScalableTag<std::uint8_t> wide;
  const hn::CappedTag<std::uint8_t, 32> narrow;
  const auto copy = [&](const std::uint8_t* source, std::uint8_t* target) HWY_ATTR {
    if (from.bytes >= static_cast<std::int64_t>(hn::Lanes(wide))) {
      CopyBytes(wide, source, from.bytes, target);
    } else if (from.bytes >= static_cast<std::int64_t>(hn::Lanes(narrow))) {
      CopyBytes(narrow, source, from.bytes, target);
    } else {
      std::copy_n(source, from.bytes, target);
    }
  };
  for (std::int64_t window = 0; window < windows; ++window) {
    const std::uint8_t* source = from.first + window * from.window_step;
    for (std::int64_t i = 0; i < from.count; ++i) {
      copy(source + i * from.step, to + window * to_stride + i * from.bytes);
    }
  }
}

void AverageRows(const float* const (&rows)[4], std::int64_t width, float* out) {
  const auto average = [&](auto d, std::int64_t i) HWY_ATTR {
    auto sum = hn::Add(hn::LoadU(d, rows[0] + i), hn::LoadU(d, rows[1] + i));
    sum = hn::Add(hn::Add(sum, hn::LoadU(d, rows[2] + i)), hn::LoadU(d, rows[3] + i));
    hn::StoreU(hn::Mul(sum, hn::Set(d, 0.25F)), d, out + i);
  };
  const hn::ScalableTag<float> d;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  std::int64_t i = 0;
  for (; i + lanes <= width; i += lanes) average(d, i);
  for (; i < width; ++i) average(hn::CappedTag<float, 1>(), i);
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace clipq
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace clipq {

HWY_EXPORT(AverageRows);
HWY_EXPORT(CopyStretches);

void copy_stretches(const Stretches& from, std::int64_t windows, std::uint8_t* to,
                    std::ptrdiff_t to_stride) {
  HWY_DYNAMIC_DISPATCH(CopyStretches)(from, windows, to, to_stride);
}

void average_rows(const float* const (&rows)[4], std::int64_t width, float* out) {
  HWY_DYNAMIC_DISPATCH(AverageRows)(rows, width, out);
}

}  // namespace clipq
#endif
