#include "clipq/report/gate.h"

#include <cmath>
#include <sstream>

#include "clipq/core/error.h"
#include "clipq/core/parse_number.h"
#include "clipq/core/strings.h"

namespace clipq {
namespace {

constexpr const char* kAtMost = "<=";

/// Throws UsageError unless `text` is a finite number of at least 0, or above 0 if `positive`.
double parse_limit(const std::string& text, bool positive, const std::string& argument,
                   const char* expected) {
  const auto limit = parse_number<double>(text);
  if (!limit || !std::isfinite(*limit) || *limit < 0 || (positive && *limit == 0)) {
    throw UsageError(cat(argument, ": expected ", expected));
  }
  return *limit;
}

}  // namespace

DropGate parse_drop_gate(const std::string& text) {
  constexpr const char* kExpected =
      "METRIC=POINTS with a non-negative number of percentage points, such as acc1=0.5";
  const std::string argument = cat("max-drop ", text);
  const std::size_t equals = text.find('=');
  if (equals == std::string::npos || equals == 0) {
    throw UsageError(cat(argument, ": expected ", kExpected));
  }
  return {text.substr(0, equals), parse_limit(text.substr(equals + 1), false, argument, kExpected)};
}

double parse_mixed_drop_gate(const std::string& text) {
  return parse_limit(text, false, cat("max-mixed-drop ", text),
                     "a non-negative number of percentage points, such as 0.5");
}

SpeedGate parse_speed_gate(const std::string& text) {
  constexpr const char* kExpected =
      "S, TOWER=S or TOWER.BATCH=S with a positive number S, such as image.32=1.5";
  const std::string argument = cat("min-speedup ", text);
  const std::size_t equals = text.find('=');
  SpeedGate gate;
  gate.speed_up = parse_limit(equals == std::string::npos ? text : text.substr(equals + 1), true,
                              argument, kExpected);
  if (equals == std::string::npos) return gate;
  const std::string left = text.substr(0, equals);
  const std::size_t dot = left.find('.');
  gate.tower = left.substr(0, dot);
  if (dot != std::string::npos) {
    gate.batch_size = parse_number<std::int64_t>(left.substr(dot + 1)).value_or(0);
  }
  if (gate.tower.empty() || (dot != std::string::npos && gate.batch_size < 1)) {
    throw UsageError(cat(argument, ": expected ", kExpected));
  }
  return gate;
}

double parse_size_gate(const std::string& text) {
  return parse_limit(text, true, cat("max-size-ratio ", text), "a positive number, such as 0.3");
}

DropGate parse_goal(const std::string& text) {
  constexpr const char* kExpected =
      "METRIC drop <= POINTS with a non-negative number of percentage points, such as "
      "acc1 drop <= 0.5";
  const std::string argument = cat("goal \"", text, "\"");
  const std::size_t limit = text.find(kAtMost);
  std::istringstream left(text.substr(0, limit));
  std::istringstream right(limit == std::string::npos ? "" : text.substr(limit + 2));
  DropGate goal;
  std::string drop;
  std::string points;
  std::string more;
  left >> goal.metric >> drop;
  right >> points;
  if (drop != "drop" || left >> more || right >> more) {
    throw UsageError(cat(argument, ": expected ", kExpected));
  }
  goal.points = parse_limit(points, false, argument, kExpected);
  return goal;
}

std::string goal_text(const DropGate& goal) {
  return cat(goal.metric, " drop ", kAtMost, " ", goal.points);
}

}  // namespace clipq
