#pragma once

#include <optional>
#include <string>
#include <vector>

#include "clipq/report/comparison.h"

namespace clipq {

/// The most a metric may get worse by.
struct DropGate {
  std::string metric;
  double points = 0;  ///< percentage points
};

/// The minimum speed-up.
struct SpeedGate {
  std::string tower;            ///< empty: every one
  std::int64_t batch_size = 0;  ///< 0: every one
  double speed_up = 0;
};

/// What must hold for every new model.
struct Gates {
  std::vector<DropGate> drops;
  std::optional<double> max_mixed_drop;  ///< percentage points, of every mixed recall
  std::vector<SpeedGate> speeds;
  std::optional<double> max_size_ratio;
  SizeReference size_reference = SizeReference::kFile;
  bool require_certain = false;  ///< a drop gate that may have passed by chance counts as broken
};

/// "acc1=0.5", "0.5", "1.5" or "image=1.5" or "image.32=1.5", "0.3". Throw UsageError that names
/// the option and shows what was expected; limits are at least 0 for drops and above 0 for the
/// others.
DropGate parse_drop_gate(const std::string& text);
double parse_mixed_drop_gate(const std::string& text);
SpeedGate parse_speed_gate(const std::string& text);
double parse_size_gate(const std::string& text);

/// "acc1 drop <= 0.5", likewise, with spaces around "<=" or without.
DropGate parse_goal(const std::string& text);

/// The inverse of parse_goal().
std::string goal_text(const DropGate& goal);

}  // namespace clipq
