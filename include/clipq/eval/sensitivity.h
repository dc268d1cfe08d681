#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "clipq/eval/feature_store.h"
#include "clipq/eval/task.h"
#include "clipq/quant/layer_groups.h"
#include "clipq/quant/quantize_model.h"

namespace clipq {

/// A model that a sensitivity measurement computes, compared with the float one.
struct MixedMeasurement {
  Measurement task;
  /// Mean cosine of each embedding with the float model's, of the towers that the task uses.
  std::map<Tower, double> cosines;
  /// Share of decisions that are the float model's; nothing if the task gives none.
  std::optional<double> agreement;
};

/// What quantizing a group of layers does.
struct GroupSensitivity {
  LayerGroup group;
  MixedMeasurement one_only;  ///< all float but this group
  /// All quantized but this group; nothing if it wasn't wanted.
  std::optional<MixedMeasurement> leave_one_out;
};

struct SensitivityReport {
  MixedMeasurement floating;  ///< the float model
  MixedMeasurement quantized;
  std::vector<GroupSensitivity> groups;  ///< by tower and depth
  TaskReport task;                       ///< without models
};

/// How a sensitivity is measured.
struct SensitivityOptions {
  EncodeOptions encode = {};  ///< batch size, decode threads, and images that may be skipped
  FeatureStore store = {};    ///< of this measurement, so far
  std::int64_t most_kept_bytes = std::int64_t{1} << 30;  ///< of inputs and activations
  bool leaves_one_out = true;  ///< whether that is measured, too; else it takes half the time
};

/// The tasks that suit: they measure each model by itself.
std::vector<Task> tasks_for_sensitivity();

/// Throws UsageError that names `where`, and the tasks that suit, unless the task is one of them.
void require_suits_sensitivity(const Task& task, const std::string& where);

/// Those of the model's groups that the task uses: of its towers, and not behind the features that
/// it asks for.
std::vector<LayerGroup> groups_for(const Task& task, const TaskOptions& options,
                                   const ClipModel& model, std::vector<LayerGroup> groups);

/// Measures a task with mixtures of a quantized and its float model, simulated layer by layer:
/// one or two for each group. They are those that a model with such layers gives by itself, to the
/// bit; of each only the layers from the group on are computed.
/// @param label what messages call the model
/// Throws what tasks and Encoder throw.
SensitivityReport measure_sensitivity(const Task& task, const QuantizedPair& models,
                                      const Tokenizer& tokenizer, const std::string& label,
                                      const std::vector<LayerGroup>& groups,
                                      const ImageSource& source, const TaskOptions& task_options,
                                      SensitivityOptions options);

}  // namespace clipq
