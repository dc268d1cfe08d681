#include "quantize_map.h"

#include <cmath>

namespace clipq {

void quantize_item(const float* values, const CodeRule& rule, std::int64_t item, CodeMap& codes) {
  const std::int64_t channels = codes.channels();
  const std::int64_t first = item * codes.positions();
  CodeRule fixed = rule;
  RowScale scale = {rule.scale, static_cast<std::int32_t>(rule.zero_point)};
  if (rule.per_row) {
    scale = scale_of_row(values, codes.positions() * channels, rule);
    fixed.per_row = false;
    fixed.scale = std::isnan(scale.scale) ? 1 : scale.scale;
    fixed.zero_point = static_cast<float>(scale.zero_point);
  }
  codes.set_scale(item, scale);
  for (std::int64_t i = 0; i < codes.positions(); ++i) {
    const RowScale row =
        quantize_row(values + i * channels, channels, fixed, codes.at(first + i));
    if (std::isnan(row.scale)) codes.spoil(first + i);
  }
}

}  // namespace clipq
