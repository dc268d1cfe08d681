#pragma once

#include <string>
#include <vector>

#include "clipq/report/comparison.h"
#include "clipq/report/gate_check.h"

namespace clipq {

/// The outcome of `clipq compare`.
struct ComparisonReport {
  ComparedModels models;
  std::vector<GateOutcome> gates;

  /// Whether no gate is broken.
  bool passed() const;
};

/// One table per new model (metrics in percent, differences in points with 95 % interval and
/// McNemar's p), its size, speed-ups and warnings; then one line per gate.
std::string comparison_text(const ComparisonReport& report);

/// Only the lines of the gates.
std::string gate_lines(const ComparisonReport& report);

/// {"base": …, "comparisons": […], "gates": […], "passed": …}; metrics and their differences are
/// fractions, drops among the gates percentage points. What isn't known is absent or null.
Json to_json(const ComparisonReport& report);

/// The broken gates as one message: each with its model, the actual and the expected value.
/// Empty if the report passed.
std::string broken_gates(const ComparisonReport& report);

}  // namespace clipq
