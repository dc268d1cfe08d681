#pragma once

#include <optional>
#include <string>
#include <vector>

#include "clipq/report/comparison.h"
#include "clipq/report/gate.h"

namespace clipq {

enum class GateStatus {
  kPass,
  kUncertain,  ///< within the limit, but the 95 % interval extends beyond it
  kBroken,
};

/// "pass", "uncertain" or "broken".
std::string to_string(GateStatus status);

/// One gate on one number of one new model.
struct GateOutcome {
  std::string gate;  ///< "max-drop acc1", "max-size-ratio", "min-speedup image.32"
  std::string model;
  std::string data;  ///< data_name(); empty where none applies
  GateStatus status = GateStatus::kPass;
  double got = 0;  ///< of drops in percentage points, as is the limit
  double limit = 0;
  std::optional<double> interval_end;  ///< the worst drop within the 95 % interval, in points
  std::string text;                    ///< "acc1 drop 0.12 points, at most 0.50"
};

/// Every gate on every number that it applies to. Throws UsageError that lists what is available if
/// a gate applies to nothing in a comparison: no such metric or latency, an unknown size, a base
/// that isn't a number.
std::vector<GateOutcome> check_gates(const ComparedModels& models, const Gates& gates);

}  // namespace clipq
