#include "quantize_map.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "clipq/kernels/input_rules.h"

namespace clipq {
namespace {

/// Lines of a map that are worth a thread's while.
constexpr std::int64_t kGrain = 8;

/// Finds what each item's codes mean, and calls quantize(line, its rule) for all lines of all
/// items, which returns whether it met a NaN.
template <class Quantize>
void quantize_lines(const float* values, const CodeRule& rule, CodeMap& codes,
                    const Quantize& quantize) {
  const CodeMap::Shape& shape = codes.shape();
  const std::int64_t item_values = codes.positions() * shape.channels;
  at::parallel_for(0, codes.items(), 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t item = begin; item < end; ++item) {
      const RowScale fixed = {rule.scale, static_cast<std::int32_t>(rule.zero_point)};
      codes.set_scale(item, rule.per_row
                                ? scale_of_row(values + item * item_values, item_values, rule)
                                : fixed);
    }
  });
  std::vector<char> has_nan(static_cast<std::size_t>(codes.items() * shape.height));
  at::parallel_for(0, codes.items() * shape.height, kGrain,
                   [&](std::int64_t begin, std::int64_t end) {
                     for (std::int64_t line = begin; line < end; ++line) {
                       const RowScale& scale = codes.scale(line / shape.height);
                       if (std::isnan(scale.scale)) continue;
                       const CodeRule own = with_scale(rule, scale);
                       has_nan[static_cast<std::size_t>(line)] = quantize(line, own) ? 1 : 0;
                     }
                   });
  for (std::int64_t line = 0; line < codes.items() * shape.height; ++line) {
    if (has_nan[static_cast<std::size_t>(line)] != 0) codes.spoil(line * shape.width);
  }
}

}  // namespace

void quantize_map(const float* values, const CodeRule& rule, CodeMap& codes) {
  const std::int64_t width = codes.shape().width * codes.shape().channels;
  quantize_lines(values, rule, codes, [&](std::int64_t line, const CodeRule& own) {
    std::uint8_t* out = codes.at(line * codes.shape().width);
    return std::isnan(quantize_row(values + line * width, width, own, out).scale);
  });
}

void quantize_pixels(const float* values, const CodeRule& rule, CodeMap& codes) {
  const CodeMap::Shape& shape = codes.shape();
  quantize_lines(values, rule, codes, [&](std::int64_t line, const CodeRule& own) {
    static thread_local std::vector<std::uint8_t> plane;
    plane.resize(static_cast<std::size_t>(shape.width));
    const std::int64_t item = line / shape.height;
    const std::int64_t y = line % shape.height;
    std::uint8_t* out = codes.at(line * shape.width);
    bool has_nan = false;
    for (std::int64_t channel = 0; channel < shape.channels; ++channel) {
      const float* source =
          values + ((item * shape.channels + channel) * shape.height + y) * shape.width;
      const RowScale found = quantize_row(source, shape.width, own, plane.data());
      has_nan = has_nan || std::isnan(found.scale);
      for (std::int64_t x = 0; x < shape.width; ++x) {
        out[x * shape.channels + channel] = plane[static_cast<std::size_t>(x)];
      }
    }
    return has_nan;
  });
}

}  // namespace clipq
