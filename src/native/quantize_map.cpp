#include "quantize_map.h"

#include <ATen/Parallel.h>

#include <cmath>

namespace clipq {
namespace {

/// Rows of a map that are worth a thread's while.
constexpr std::int64_t kGrain = 8;

}  // namespace

void quantize_map(const float* values, const CodeRule& rule, CodeMap& codes) {
  const CodeMap::Shape& shape = codes.shape();
  const std::int64_t width = shape.width * shape.channels;
  const std::int64_t item_values = shape.height * width;
  at::parallel_for(0, codes.items(), 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t item = begin; item < end; ++item) {
      const RowScale fixed = {rule.scale, static_cast<std::int32_t>(rule.zero_point)};
      codes.set_scale(item, rule.per_row
                                ? scale_of_row(values + item * item_values, item_values, rule)
                                : fixed);
    }
  });
  at::parallel_for(
      0, codes.items() * shape.height, kGrain, [&](std::int64_t begin, std::int64_t end) {
        CodeRule own = rule;
        own.per_row = false;
        for (std::int64_t row = begin; row < end; ++row) {
          const RowScale& scale = codes.scale(row / shape.height);
          if (std::isnan(scale.scale)) continue;
          own.scale = scale.scale;
          own.zero_point = static_cast<float>(scale.zero_point);
          std::uint8_t* out = codes.at(row * shape.width);
          const RowScale found = quantize_row(values + row * width, width, own, out);
          if (std::isnan(found.scale)) codes.spoil(row * shape.width);
        }
      });
}

}  // namespace clipq
