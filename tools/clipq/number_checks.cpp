#include "number_checks.h"

#include <charconv>
#include <cmath>
#include <optional>
#include <string>

#include "clipq/core/strings.h"

namespace clipq::cli {
namespace {

/// The number that is the whole text.
template <typename Number>
std::optional<Number> parse(const std::string& text) {
  Number number{};
  const char* end = text.data() + text.size();
  const auto [stop, failure] = std::from_chars(text.data(), end, number);
  if (failure != std::errc() || stop != end) return std::nullopt;
  return number;
}

std::string got(const std::string& text, const std::string& expected) {
  return cat("got ", text.empty() ? "nothing" : text, ", expected ", expected);
}

CLI::Validator finite_number(bool zero) {
  return {[zero](const std::string& text) {
            const auto number = parse<double>(text);
            const bool fits =
                number && std::isfinite(*number) && (*number > 0 || (zero && *number == 0));
            return fits ? "" : got(text, zero ? "a number of 0 or more" : "a number above 0");
          },
          ""};
}

}  // namespace

CLI::Validator whole_number(std::int64_t smallest, std::int64_t largest) {
  return {[smallest, largest](const std::string& text) {
            const auto number = parse<std::int64_t>(text);
            const bool fits = number && *number >= smallest && *number <= largest;
            return fits ? "" : got(text, cat("a whole number from ", smallest, " to ", largest));
          },
          ""};
}

CLI::Validator number_above_zero() { return finite_number(false); }

CLI::Validator number_from_zero() { return finite_number(true); }

}  // namespace clipq::cli
