#include "weight_stripes.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <cstring>

namespace clipq {
namespace {

constexpr std::int64_t kQuad = 4;

std::int64_t over(std::int64_t count, std::int64_t step) { return (count + step - 1) / step; }

}  // namespace

WeightStripes::WeightStripes(const IntegerWeight& weight, std::int64_t stripe_columns,
                             std::int64_t quad_step)
    : width(stripe_columns),
      columns(weight.out_features),
      quads(over(weight.in_features, kQuad * quad_step) * quad_step) {
  const std::int64_t stripes = over(columns, width);
  codes = hwy::AllocateAligned<std::int8_t>(static_cast<std::size_t>(stripes * bytes()));
  at::parallel_for(0, stripes, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t stripe = begin; stripe < end; ++stripe) fill(weight, stripe);
  });
}

void WeightStripes::fill(const IntegerWeight& weight, std::int64_t stripe) {
  std::int8_t* first = codes.get() + stripe * bytes();
  std::fill_n(first, bytes(), std::int8_t{0});
  const std::int64_t end = std::min(columns, (stripe + 1) * width);
  for (std::int64_t column = stripe * width; column < end; ++column) {
    const std::int8_t* source = weight.codes + column * weight.in_features;
    std::int8_t* target = first + column % width * kQuad;
    for (std::int64_t k = 0; k < weight.in_features; k += kQuad) {
      std::memcpy(target, source + k,
                  static_cast<std::size_t>(std::min(kQuad, weight.in_features - k)));
      target += width * kQuad;
    }
  }
}

}  // namespace clipq
