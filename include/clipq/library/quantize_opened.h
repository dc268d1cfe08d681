#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "clipq/artifact/artifact.h"
#include "clipq/core/rank_exchange.h"
#include "clipq/data/dataset.h"
#include "clipq/library/open_model.h"
#include "clipq/quant/calibrate.h"
#include "clipq/quant/gathered_statistics.h"
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

/// One worker's part of a calibration.
struct WorkerStatistics {
  std::string pass;
  BatchRange batches;
  std::int64_t pass_batches = 0;  ///< of all workers
};

/// Gathers the first pass that `given` hasn't got, over the batches of worker `index` of `count`,
/// and writes the statistics. The opened model's weights are used up. Throws UsageError if no pass
/// is left, and what gather_statistics() throws.
WorkerStatistics write_statistics(OpenedModel& opened, const QuantizationPlan& plan,
                                  const CalibrationInput& calibration,
                                  const GatheredStatistics& given, std::int64_t index,
                                  std::int64_t count, const CalibrationState& state,
                                  const std::filesystem::path& output);

/// The artifact that quantize_opened() gives for the calibration whose statistics workers have
/// gathered. The opened model's weights are used up. Throws InputError unless they are of this
/// model, recipe and version of clipq.
Artifact quantize_with_statistics(OpenedModel& opened, const QuantizationPlan& plan,
                                  const GatheredStatistics& statistics);

/// Calibrates together with the other ranks, each on its part of the batches. Rank 0 gets the
/// artifact that quantize_opened() would give, bit for bit, the others nothing. The opened model's
/// weights are used up. Throws InputError if the ranks haven't all the same model, recipe and data,
/// and what RankExchange and gather_statistics() throw.
std::optional<Artifact> quantize_with_ranks(OpenedModel& opened, const QuantizationPlan& plan,
                                            const CalibrationInput& calibration,
                                            const RankExchange& ranks,
                                            const CalibrationState& state);

/// The artifact of an opened model that has been quantized by the plan. Logs what looks wrong.
Artifact artifact_of(QuantizedModel quantized, const OpenedModel& opened,
                     const QuantizationPlan& plan);

/// The artifact as it would be, with ranges of [-1, 1] wherever calibration would find them. Ranges
/// that calibration or an algorithm would change are left out. The opened model's weights are used
/// up.
Artifact rehearse(OpenedModel& opened, const QuantizationPlan& plan);

}  // namespace clipq
