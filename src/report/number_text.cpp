#include "clipq/report/number_text.h"

#include <cmath>

#include "clipq/core/strings.h"

namespace clipq {
namespace {

constexpr double kPercent = 100;

}  // namespace

std::string or_nothing(const std::string& text) { return text.empty() ? kNothing : text; }

std::string number_text(double value) { return std::isfinite(value) ? fixed(value, 2) : "n/a"; }

std::string percent_text(double fraction) { return number_text(kPercent * fraction); }

std::string points_text(double difference) {
  if (!std::isfinite(difference)) return "n/a";
  const double rounded = std::round(difference * kPercent * 100) / 100;
  return rounded == 0 ? fixed(0, 2) : cat(rounded > 0 ? "+" : "", fixed(rounded, 2));
}

std::string points_text(double difference, const PairedDifference& paired) {
  return cat(points_text(difference), " [", points_text(paired.low), ", ", points_text(paired.high),
             "]");
}

std::string ratio_text(double ratio) {
  return std::isfinite(ratio) ? fixed(ratio, 2) + "x" : kNothing;
}

std::string p_value_text(double p_value) {
  constexpr double kSmallest = 0.001;
  if (!std::isfinite(p_value)) return kNothing;
  return p_value < kSmallest ? "<0.001" : fixed(p_value, 3);
}

}  // namespace clipq
