#include "float_map.h"

#include "clipq/kernels/integer_path.h"

namespace clipq {
namespace {

constexpr std::int64_t kFloat = sizeof(float);

}  // namespace

float* FloatRoom::at_least(std::int64_t count) {
  if (count > capacity_) {
    values_ = hwy::AllocateAligned<float>(static_cast<std::size_t>(count));
    capacity_ = count;
  }
  return values_.get();
}

FloatMap FloatRoom::map(std::int64_t items, std::int64_t side, std::int64_t channels) {
  const std::int64_t stride = code_stride(channels * kFloat) / kFloat;
  return {at_least(items * side * side * stride), side, channels, stride};
}

}  // namespace clipq
