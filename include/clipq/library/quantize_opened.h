#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "clipq/artifact/artifact.h"
#include "clipq/data/dataset.h"
#include "clipq/library/open_model.h"
#include "clipq/quant/calibrate.h"
#include "clipq/quant/recipe.h"

namespace clipq {

/// Throws InputError unless the artifact can be written, UsageError if it would replace the
/// checkpoint. Called before long work.
void require_artifact_target(const std::filesystem::path& artifact,
                             const std::filesystem::path& checkpoint);

/// What a model's quantization will be.
struct QuantizationPlan {
  Recipe recipe;
  Component component;
  Placement placement;

  bool needs_data(Tower tower) const;
  bool needs_data() const;
};

/// Places the recipe's quantizers in the towers that the model has of the component. Throws
/// InputError if the model is quantized already, UsageError as place_quantizers() does, or if the
/// model has no tower of the component.
QuantizationPlan plan_quantization(OpenedModel& opened, Recipe recipe, Component component);

/// Opens calibration data; empty: there are none.
using CalibrationOpener = std::function<std::unique_ptr<Dataset>()>;

/// How calibration data are used.
struct CalibrationOptions {
  std::int64_t samples = 0;   ///< image-caption pairs; 0: as the recipe says
  bool takes_all = false;     ///< whether `samples` is only an upper bound
  std::int64_t skip_bad = 0;  ///< maximum number of undecodable images
  int decode_threads = 2;
};

/// Calibration data ready to run on, and what the artifact records of them; empty: none.
struct CalibrationInput {
  std::unique_ptr<Dataset> dataset;
  std::optional<CalibrationSource> source;
  std::optional<CalibrationProvenance> provenance;
};

/// Opens calibration data and chooses what to run on. Data that the recipe doesn't need are used
/// for the diagnosis, or passed over with a warning if they can't be. Throws UsageError if they are
/// needed and lacking, and what opening throws.
CalibrationInput calibration_input(const OpenedModel& opened, const QuantizationPlan& plan,
                                   const CalibrationOpener& open_data,
                                   const CalibrationOptions& options);

/// What a saved calibration must have in common with this one to be continued.
std::string calibration_fingerprint(const OpenedModel& opened, const QuantizationPlan& plan,
                                    const CalibrationInput& calibration);

/// Calibrates where the recipe needs it and converts. The opened model's weights are used up.
/// Warns of suspicious findings. Throws what quantize_model() throws.
Artifact quantize_opened(OpenedModel& opened, const QuantizationPlan& plan,
                         const CalibrationInput& calibration,
                         const std::optional<CalibrationState>& state = std::nullopt);

/// The artifact as it would be, with ranges of [-1, 1] wherever calibration would find them. Ranges
/// that calibration or an algorithm would change are left out. The opened model's weights are used
/// up.
Artifact rehearse(OpenedModel& opened, const QuantizationPlan& plan);

}  // namespace clipq
