#pragma once

#include <optional>

#include "clipq/quant/quantized_model.h"
#include "clipq/quant/recipe.h"

namespace clipq {

/// Whether quantizing this tower with this recipe needs calibration data.
bool needs_data(const Placement& placement, const Recipe& recipe, Tower tower);

/// The state files that quantize_model may have left.
std::vector<std::filesystem::path> state_files(const CalibrationState& state, const Recipe& recipe);

/// The whole of quantization: the recipe's algorithms change the float model, static ranges and
/// sampled rows are calibrated, layers are converted.
///
/// Algorithms that look at data before they change the model are given the first eighth of it where
/// the ranges need a pass over all of it afterwards. With data that no quantizer needs, two batches
/// serve the diagnosis.
/// @param model float; taken over, so that each weight is freed as soon as it has been replaced
/// @param data may be absent if neither tower needs_data()
/// Throws what calibrate() and convert() throw.
QuantizedModel quantize_model(ClipModel model, const Placement& placement, const Recipe& recipe,
                              const std::optional<CalibrationSource>& data,
                              const std::optional<CalibrationState>& state = std::nullopt);

}  // namespace clipq
