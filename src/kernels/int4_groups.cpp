#include "int4_groups.h"

#include "clipq/numerics/quantize.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "int4_groups.cpp"
#include <hwy/foreach_target.h>
// After foreach_target.h, which includes this file once for every instruction set.
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace clipq {
namespace HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;

void UnpackInt4(const std::uint8_t* packed, std::int64_t count, std::int8_t* out) {
  const hn::CappedTag<std::uint8_t, 64> d;
  const hn::RebindToSigned<decltype(d)> integers;
  const auto mask = hn::Set(d, 15);
  const auto offset = hn::Set(integers, kInt4Offset);
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  for (std::int64_t i = 0; i < count; i += lanes) {
    const auto both = hn::LoadU(d, packed + i);
    const auto lower = hn::BitCast(integers, hn::And(both, mask));
    const auto upper = hn::BitCast(integers, hn::And(hn::ShiftRight<4>(both), mask));
    hn::StoreU(hn::Sub(lower, offset), integers, out + i);
    hn::StoreU(hn::Sub(upper, offset), integers, out + count + i);
  }
}

void AddGroup(const GroupProducts& products, bool add, float* out) {
  const hn::CappedTag<float, 16> d;
  const hn::RebindToSigned<decltype(d)> integers;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  for (std::int64_t c = 0; c < products.columns; c += lanes) {
    const auto sums = hn::LoadU(integers, products.sums + c);
    const auto scales = hn::LoadU(d, products.scales + c);
    for (std::int64_t r = 0; r < products.rows; ++r) {
      const std::int64_t place = r * products.columns + c;
      const auto zero_point = hn::Set(integers, products.row_scales[r].zero_point);
      const auto product = hn::ConvertTo(
          d, hn::Sub(hn::LoadU(integers, products.values + place), hn::Mul(sums, zero_point)));
      const auto before = add ? hn::LoadU(d, out + place) : hn::Zero(d);
      hn::StoreU(hn::MulAdd(product, scales, before), d, out + place);
    }
  }
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace clipq
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace clipq {

HWY_EXPORT(UnpackInt4);
HWY_EXPORT(AddGroup);

void unpack_int4(const std::uint8_t* packed, std::int64_t count, std::int8_t* out) {
  HWY_DYNAMIC_DISPATCH(UnpackInt4)(packed, count, out);
}

void add_group(const GroupProducts& products, bool add, float* out) {
  HWY_DYNAMIC_DISPATCH(AddGroup)(products, add, out);
}

}  // namespace clipq
#endif
