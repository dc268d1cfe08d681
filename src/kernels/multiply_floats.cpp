#include "multiply_floats.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "multiply_floats.cpp"
#include <hwy/foreach_target.h>
// After foreach_target.h, which includes this file once for every instruction set.
#include <hwy/highway.h>

#include "float_product-inl.h"

HWY_BEFORE_NAMESPACE();
namespace clipq {
namespace HWY_NAMESPACE {
namespace {

std::int64_t ColumnBlock() { return kVectors * LanesOf(); }

template <bool kAdds>
void MultiplyFloatsAs(const FloatRows& rows, std::int64_t depth, const float* right,
                      std::int64_t columns, float* out) {
  const std::int64_t block = ColumnBlock();
  // Tiles of about the same size.
  const std::int64_t tiles = (rows.rows + kRows - 1) / kRows;
  for (std::int64_t tile = 0; tile < tiles; ++tile) {
    const std::int64_t row = rows.rows * tile / tiles;
    const std::int64_t count = rows.rows * (tile + 1) / tiles - row;
    for (std::int64_t column = 0; column < columns; column += block) {
      Multiply<kAdds>(count, rows.values + row * rows.stride, rows.stride, depth,
                      right + column * depth, block, block, &kOne, out + row * columns + column,
                      columns);
    }
  }
}

void MultiplyFloats(const FloatRows& rows, std::int64_t depth, const float* right,
                    std::int64_t columns, bool adds, float* out) {
  if (adds) {
    MultiplyFloatsAs<true>(rows, depth, right, columns, out);
  } else {
    MultiplyFloatsAs<false>(rows, depth, right, columns, out);
  }
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace clipq
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace clipq {

HWY_EXPORT(ColumnBlock);
HWY_EXPORT(MultiplyFloats);

std::int64_t column_block() { return HWY_DYNAMIC_DISPATCH(ColumnBlock)(); }

void multiply_floats(const FloatRows& rows, std::int64_t depth, const float* right,
                     std::int64_t columns, bool adds, float* out) {
  HWY_DYNAMIC_DISPATCH(MultiplyFloats)(rows, depth, right, columns, adds, out);
}

}  // namespace clipq
#endif
