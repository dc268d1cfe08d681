#pragma once

#include <optional>
#include <string>
#include <vector>

#include "clipq/eval/task.h"
#include "clipq/library/open_model.h"
#include "clipq/quant/calibration_provenance.h"
#include "clipq/result/result.h"

namespace clipq {

/// The Result of an evaluation without what it measured. Warns of evaluated images that were also
/// calibrated on.
/// @param calibration of the model that was measured; absent: it wasn't calibrated
Result evaluation_result(const std::string& task, const ModelInfo& model,
                         const std::optional<CalibrationProvenance>& calibration,
                         const TaskReport& report, const ImageSource& source);

/// Throws UsageError if the model lacks a tower that the task needs. It names those of `others`
/// that it has the towers for.
/// @param path of the model
void require_towers(const Task& task, const ClipModel& model, const std::string& path,
                    const std::vector<Task>& others);

}  // namespace clipq
