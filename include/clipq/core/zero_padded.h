#pragma once

#include <algorithm>
#include <cstdint>
#include <string>

namespace clipq {

/// A number that isn't negative, with zeros in front up to `digits` digits.
inline std::string zero_padded(std::int64_t number, std::size_t digits) {
  const std::string text = std::to_string(number);
  return std::string(digits - std::min(digits, text.size()), '0') + text;
}

}  // namespace clipq
