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
                               std::int64_t batches) {
  if (!needs_full_pass(placement, recipe)) return batches;
  return (batches + kTransformShare - 1) / kTransformShare;
}

CalibrationRequest conversion_request(const Placement& placement, const Recipe& recipe,
                                      std::int64_t batches) {
  return {.name = kRangesPass,
          .ranges = true,
          .rows = conversion_needs_rows(recipe) ? recipe.rows : kDiagnosisRows,
          .attention_inputs = true,
          .batches =
              needs_full_pass(placement, recipe) ? batches : std::min(batches, kDiagnosisBatches)};
}

/// All passes, made on the data.
CalibrationPasses calibrated(ClipModel model, const Placement& placement, const Recipe& recipe,
                             const std::optional<CalibrationSource>& data,
                             const std::optional<CalibrationState>& state) {
  std::optional<std::int64_t> batches;
  if (data) batches = data->batches;
  CalibrationPasses passes(std::move(model), placement, recipe, batches);
  while (passes.next()) {
    passes.take(calibrate(passes.model(), placement, *passes.next(), *data, state));
  }
  return passes;
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

CalibrationPasses::CalibrationPasses(ClipModel model, const Placement& placement,
                                     const Recipe& recipe, std::optional<std::int64_t> batches)
    : model_(std::move(model)), placement_(placement), recipe_(recipe), batches_(batches) {
  if (!batches_ && (needs_data(placement, recipe, Tower::kImage) ||
                    needs_data(placement, recipe, Tower::kText))) {
    throw InternalError(cat("recipe ", recipe.name, " needs data"));
  }
  advance();
}

void CalibrationPasses::advance() {
  for (; algorithm_ < recipe_.algorithms.size(); ++algorithm_) {
    const Algorithm& algorithm = *recipe_.algorithms[algorithm_];
    if (algorithm.transform_needs_rows()) {
      next_ = CalibrationRequest{.name = algorithm_pass(algorithm_),
                                 .ranges = false,
                                 .rows = recipe_.rows,
                                 .batches = transform_batches(placement_, recipe_, *batches_)};
      return;
    }
    algorithm.transform(model_, placement_, {});
  }
  next_.reset();
  if (batches_) next_ = conversion_request(placement_, recipe_, *batches_);
}

void CalibrationPasses::take(CalibrationData gathered) {
  if (algorithm_ == recipe_.algorithms.size()) {
    calibrated_ = std::move(gathered);
    next_.reset();
    return;
  }
  recipe_.algorithms[algorithm_++]->transform(model_, placement_, gathered.rows);
  advance();
}

QuantizedModel CalibrationPasses::convert() && {
  return clipq::convert(std::move(model_), placement_, recipe_.algorithms, calibrated_);
}

QuantizedModel quantize_model(ClipModel model, const Placement& placement, const Recipe& recipe,
                              const std::optional<CalibrationSource>& data,
                              const std::optional<CalibrationState>& state) {
  return calibrated(std::move(model), placement, recipe, data, state).convert();
}

QuantizedPair quantize_beside_float(ClipModel model, const Placement& placement,
                                    const Recipe& recipe,
                                    const std::optional<CalibrationSource>& data,
                                    const std::optional<CalibrationState>& state) {
  CalibrationPasses passes = calibrated(std::move(model), placement, recipe, data, state);
  ClipModel transformed = passes.model();
  return {std::move(transformed), std::move(passes).convert()};
}

QuantizedModel quantize_model(ClipModel model, const Placement& placement, const Recipe& recipe,
                              std::int64_t batches, const GatheredStatistics& statistics) {
  CalibrationPasses passes(std::move(model), placement, recipe, batches);
  while (passes.next()) {
    const CalibrationRequest& pass = *passes.next();
    passes.take(data_of(statistics.of(pass), placement, pass));
  }
  return std::move(passes).convert();
}

}  // namespace clipq
