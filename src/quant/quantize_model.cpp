#include "clipq/quant/quantize_model.h"

#include <algorithm>
#include <utility>

#include "clipq/core/error.h"
#include "clipq/core/strings.h"

namespace clipq {
namespace {

constexpr const char* kRangesPass = "ranges";
constexpr std::int64_t kTransformShare = 8;
constexpr std::int64_t kDiagnosisBatches = 2;
constexpr std::int64_t kDiagnosisRows = 128;

std::string algorithm_pass(std::size_t index) { return cat("algorithm-", index + 1); }

bool has_static_ranges(const Placement& placement) {
  return std::any_of(kTowers.begin(), kTowers.end(),
                     [&](Tower tower) { return needs_calibration(placement, tower); });
}

bool conversion_needs_rows(const Recipe& recipe) {
  return std::any_of(recipe.algorithms.begin(), recipe.algorithms.end(),
                     [](const auto& algorithm) { return algorithm->conversion_needs_rows(); });
}

bool transform_needs_rows(const Recipe& recipe) {
  return std::any_of(recipe.algorithms.begin(), recipe.algorithms.end(),
                     [](const auto& algorithm) { return algorithm->transform_needs_rows(); });
}

/// Whether all of the data must be gone through once algorithms have changed the model.
bool needs_full_pass(const Placement& placement, const Recipe& recipe) {
  return has_static_ranges(placement) || conversion_needs_rows(recipe);
}

std::int64_t transform_batches(const Placement& placement, const Recipe& recipe,
                               const CalibrationSource& data) {
  if (!needs_full_pass(placement, recipe)) return data.batches;
  return (data.batches + kTransformShare - 1) / kTransformShare;
}

CalibrationRequest conversion_request(const Placement& placement, const Recipe& recipe,
                                      const CalibrationSource& data) {
  return {.name = kRangesPass,
          .ranges = true,
          .rows = conversion_needs_rows(recipe) ? recipe.rows : kDiagnosisRows,
          .attention_inputs = true,
          .batches = needs_full_pass(placement, recipe)
                         ? data.batches
                         : std::min(data.batches, kDiagnosisBatches)};
}

}  // namespace

bool needs_data(const Placement& placement, const Recipe& recipe, Tower tower) {
  const bool for_algorithms = transform_needs_rows(recipe) || conversion_needs_rows(recipe);
  return needs_calibration(placement, tower) ||
         (for_algorithms && has_quantizers(placement, tower));
}

std::vector<std::filesystem::path> state_files(const CalibrationState& state,
                                               const Recipe& recipe) {
  std::vector<std::filesystem::path> files = {state.file_of(kRangesPass)};
  for (std::size_t i = 0; i < recipe.algorithms.size(); ++i) {
    files.push_back(state.file_of(algorithm_pass(i)));
  }
  return files;
}

QuantizedModel quantize_model(ClipModel model, const Placement& placement, const Recipe& recipe,
                              const std::optional<CalibrationSource>& data,
                              const std::optional<CalibrationState>& state) {
  if (!data && (needs_data(placement, recipe, Tower::kImage) ||
                needs_data(placement, recipe, Tower::kText))) {
    throw InternalError(cat("recipe ", recipe.name, " needs data"));
  }
  for (std::size_t i = 0; i < recipe.algorithms.size(); ++i) {
    const Algorithm& algorithm = *recipe.algorithms[i];
    CalibrationData rows;
    if (algorithm.transform_needs_rows()) {
      const CalibrationRequest request = {.name = algorithm_pass(i),
                                          .ranges = false,
                                          .rows = recipe.rows,
                                          .batches = transform_batches(placement, recipe, *data)};
      rows = calibrate(model, placement, request, *data, state);
    }
    algorithm.transform(model, placement, rows.rows);
  }
  CalibrationData calibrated;
  if (data) {
    calibrated =
        calibrate(model, placement, conversion_request(placement, recipe, *data), *data, state);
  }
  return convert(std::move(model), placement, recipe.algorithms, calibrated);
}

}  // namespace clipq
