#pragma once

#include <optional>

#include "clipq/quant/gathered_statistics.h"
#include "clipq/quant/quantized_model.h"
#include "clipq/quant/recipe.h"

namespace clipq {

/// Whether quantizing this tower with this recipe needs calibration data.
bool needs_data(const Placement& placement, const Recipe& recipe, Tower tower);

/// The state files that quantize_model may have left.
std::vector<std::filesystem::path> state_files(const CalibrationState& state, const Recipe& recipe);

/// The passes over calibration data that quantizing a model takes, one after the other.
class CalibrationPasses {
 public:
  /// @param batches of the data; nothing: there are none
  CalibrationPasses(ClipModel model, const Placement& placement, const Recipe& recipe,
                    std::optional<std::int64_t> batches);

  /// The pass that must be made now; nothing: convert() can be called.
  const std::optional<CalibrationRequest>& next() const { return next_; }

  /// The model that it is made on.
  const ClipModel& model() const { return model_; }

  /// Goes on with what the pass has gathered: an algorithm changes the model.
  void take(CalibrationData gathered);

  QuantizedModel convert() &&;

 private:
  /// Runs the algorithms up to one that needs rows.
  void advance();

  ClipModel model_;
  const Placement& placement_;
  const Recipe& recipe_;
  std::optional<std::int64_t> batches_;
  std::size_t algorithm_ = 0;  ///< the next one to change the model
  std::optional<CalibrationRequest> next_;
  CalibrationData calibrated_;
};

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

/// A quantized model and the float one that it was converted from: the recipe's algorithms have
/// changed its weights and norms, but not, up to rounding, what it computes. The two differ in the
/// layers that have quantizers and in nothing else.
struct QuantizedPair {
  ClipModel transformed;
  QuantizedModel quantized;
};

/// quantize_model(), keeping the float model.
QuantizedPair quantize_beside_float(ClipModel model, const Placement& placement,
                                    const Recipe& recipe,
                                    const std::optional<CalibrationSource>& data,
                                    const std::optional<CalibrationState>& state = std::nullopt);

/// The same, bit for bit, of statistics that workers have gathered.
/// @param batches of the data that they were gathered on
/// Throws UsageError if a pass is missing, InputError if they are of another placement.
QuantizedModel quantize_model(ClipModel model, const Placement& placement, const Recipe& recipe,
                              std::int64_t batches, const GatheredStatistics& statistics);

}  // namespace clipq
