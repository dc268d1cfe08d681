#include "clipq/report/number_text.h"

#include <cmath>

#include "clipq/core/strings.h"

namespace clipq {
namespace {

constexpr double kPercent = 100;
constexpr int kPlainDigits = 5;

/// With its sign, except for what rounds to zero.
std::string signed_text(double value, int digits) {
  if (!std::isfinite(value)) return "n/a";
  const std::string text = fixed(std::abs(value), digits);
  const bool is_zero = text == fixed(0, digits);
  return is_zero ? text : cat(value > 0 ? "+" : "-", text);
}

}  // namespace

bool is_plain(const std::string& metric) {
  return metric == "ece" || metric.find("_cosine_") != std::string::npos ||
         metric.find("_correlation") != std::string::npos;
}

std::string metric_text(const std::string& metric, double value) {
  if (!is_plain(metric)) return percent_text(value);
  return std::isfinite(value) ? fixed(value, kPlainDigits) : "n/a";
}

std::string difference_text(const std::string& metric, double difference) {
  return is_plain(metric) ? signed_text(difference, kPlainDigits) : points_text(difference);
}

std::string or_nothing(const std::string& text) { return text.empty() ? kNothing : text; }

std::string number_text(double value) { return std::isfinite(value) ? fixed(value, 2) : "n/a"; }

std::string percent_text(double fraction) { return number_text(kPercent * fraction); }

std::string points_text(double difference) { return signed_text(kPercent * difference, 2); }

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
