#pragma once

#include <string>
#include <vector>

#include "clipq/eval/sensitivity.h"
#include "clipq/library/quantize_opened.h"
#include "clipq/result/result.h"

namespace clipq {

/// Adds what was measured to the Result of a checkpoint: the float model's metrics, which recipe
/// and task, and as details the quantized model and each group with its differences.
/// @param overrides of the recipe, as given
void add_sensitivity(Result& result, SensitivityReport& report, const Task& task,
                     const QuantizationPlan& plan, const std::vector<std::string>& overrides);

}  // namespace clipq
