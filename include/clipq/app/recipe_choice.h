#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "clipq/library/quantize_opened.h"

namespace clipq {

/// What commands that quantize are told about calibration, and which towers.
struct CalibrationChoice {
  std::string component = "both";
  std::string calibration_data;                ///< SPEC; empty: none
  std::filesystem::path calibration_captions;  ///< empty: none
  std::int64_t calibration_samples = 0;        ///< 0: as the recipe says
};

/// How commands that quantize by a recipe are told to.
struct RecipeChoice : CalibrationChoice {
  std::string recipe = "int8-dynamic";
  std::vector<std::string> overrides;  ///< --set
};

/// Throws UsageError, which begins with the command's name, if something is said of calibration
/// data that aren't there.
void require_calibration_data(const CalibrationChoice& choice, const std::string& command);

/// Calibration data as they were chosen; see calibration_input().
CalibrationInput calibration_of(const OpenedModel& opened, const QuantizationPlan& plan,
                                const CalibrationChoice& choice, std::int64_t skip_bad,
                                int decode_threads);

}  // namespace clipq
