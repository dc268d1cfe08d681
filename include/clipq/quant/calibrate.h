#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "clipq/core/batch_range.h"
#include "clipq/model/clip_model.h"
#include "clipq/numerics/observer_state.h"
#include "clipq/numerics/quantize.h"
#include "clipq/quant/placement.h"

namespace clipq {

/// Inputs for calibration: either tensor may be undefined.
struct CalibrationBatch {
  at::Tensor pixels;  ///< float32 [n, 3, R, R]
  at::Tensor tokens;  ///< int64 or int32 [m, context_length]
};

/// Gives the next batch; returns false at the end.
using CalibrationStream = std::function<bool(CalibrationBatch&)>;

/// Calibration data that can be gone through more than once.
struct CalibrationSource {
  std::int64_t batches = 0;  ///< of the whole data
  std::string fingerprint;   ///< tells data apart that would give other statistics
  /// The batches [first, last).
  std::function<CalibrationStream(std::int64_t first, std::int64_t last)> open;
};

/// Ranges of static activation quantizers.
using CalibratedRanges = std::map<QuantizerId, Range>;

/// What a calibration is to gather, over the first `batches` batches.
struct CalibrationRequest {
  std::string name;               ///< of this pass, for the state file
  bool ranges = true;             ///< of every enabled static activation quantizer
  std::int64_t rows = 0;          ///< input rows sampled of every layer with an enabled quantizer
  bool attention_inputs = false;  ///< of one item, where attention has an enabled quantizer
  std::int64_t batches = 0;
};

/// What a calibration has gathered.
struct CalibrationData {
  CalibratedRanges ranges;
  std::map<std::string, at::Tensor> rows;              ///< float32 [rows, in] by layer
  std::map<std::string, at::Tensor> attention_inputs;  ///< qkv [1, tokens, 3 * width] by attention
};

/// Where a calibration keeps what it has gathered so far, so that it can be continued after it was
/// killed, to the same bits.
struct CalibrationState {
  std::filesystem::path file;  ///< a pass adds its name
  std::string fingerprint;     ///< of all that the result depends on
  double seconds = 30;         ///< between saves
  bool resume = false;         ///< go on from the file where there is one

  std::filesystem::path file_of(const std::string& pass) const;
};

/// Whether the placement has a static activation quantizer in this tower.
bool needs_calibration(const Placement& placement, Tower tower);

/// Whether the placement has an enabled quantizer in this tower.
bool has_quantizers(const Placement& placement, Tower tower);

/// Runs the float model on the data and gathers what the request asks for. Text is run without its
/// padding: observers see real tokens only. Memory doesn't grow with the amount of data.
/// Throws InputError if an observer has seen no finite value, if the model gives values that aren't
/// finite (it names the layer where the first arises), or if the state file is damaged or of
/// another calibration.
CalibrationData calibrate(ClipModel model, const Placement& placement,
                          const CalibrationRequest& request, const CalibrationSource& source,
                          const std::optional<CalibrationState>& state = std::nullopt);

/// What calibrate() gathers of these batches alone, for data_of(). Throws UsageError if an observer
/// depends on the order of its inputs, and what calibrate() throws, but for an observer that has
/// seen nothing: there may be others' batches.
ObserverState gather_statistics(ClipModel model, const Placement& placement,
                                const CalibrationRequest& request, const CalibrationSource& source,
                                const BatchRange& batches,
                                const std::optional<CalibrationState>& state = std::nullopt);

/// What calibrate() gives, bit for bit, of the statistics that were gathered of all its batches in
/// parts, in the order of these. Throws InputError if an observer has seen no finite value, or if a
/// part was gathered for another placement.
CalibrationData data_of(const std::vector<ObserverState>& parts, const Placement& placement,
                        const CalibrationRequest& request);

}  // namespace clipq
