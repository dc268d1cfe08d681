#include "json_cells.h"

#include <limits>

#include "clipq/report/number_text.h"

namespace clipq {

double number_of(const Json& json) {
  return json.is_number() ? json.get<double>() : std::numeric_limits<double>::quiet_NaN();
}

std::string interval_text(const Json& difference) {
  const double value = number_of(difference.at("difference"));
  if (!difference.contains("low")) return points_text(value);
  PairedDifference paired;
  paired.low = difference.at("low").get<double>();
  paired.high = difference.at("high").get<double>();
  return points_text(value, paired);
}

}  // namespace clipq
