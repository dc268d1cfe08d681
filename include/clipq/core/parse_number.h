#pragma once

#include <charconv>
#include <optional>
#include <string_view>
#include <system_error>

namespace clipq {

/// The number that is the whole text, as std::from_chars reads it; nothing if it is none or doesn't
/// fit the type.
template <typename Number>
std::optional<Number> parse_number(std::string_view text) {
  Number number{};
  const char* const text_end = text.data() + text.size();
  const auto [end, failure] = std::from_chars(text.data(), text_end, number);
  if (failure != std::errc() || end != text_end) return std::nullopt;
  return number;
}

}  // namespace clipq
