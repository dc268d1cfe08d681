#include "number_checks.h"

#include <cmath>
#include <string>

#include "clipq/core/parse_number.h"
#include "clipq/core/strings.h"

namespace clipq::cli {
namespace {

std::string got(const std::string& text, const std::string& expected) {
  return cat("got ", text.empty() ? "nothing" : text, ", expected ", expected);
}

CLI::Validator finite_number(bool zero) {
  return {[zero](const std::string& text) {
            const auto number = parse_number<double>(text);
            const bool fits =
                number && std::isfinite(*number) && (*number > 0 || (zero && *number == 0));
            return fits ? "" : got(text, zero ? "a non-negative number" : "a positive number");
          },
          ""};
}

}  // namespace

CLI::Validator whole_number(std::int64_t smallest, std::int64_t largest) {
  return {[smallest, largest](const std::string& text) {
            const auto number = parse_number<std::int64_t>(text);
            const bool fits = number && *number >= smallest && *number <= largest;
            return fits ? "" : got(text, cat("an integer from ", smallest, " to ", largest));
          },
          ""};
}

CLI::Validator number_above_zero() { return finite_number(false); }

CLI::Validator number_from_zero() { return finite_number(true); }

}  // namespace clipq::cli
