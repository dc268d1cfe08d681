#include "clipq/library/quantize_checkpoint.h"

#include <algorithm>
#include <utility>

#include "clipq/core/error.h"
#include "clipq/core/files.h"
#include "clipq/core/strings.h"
#include "clipq/library/quantize_opened.h"
#include "memory_dataset.h"
#include "model_options.h"
#include "own_errors.h"

namespace clipq {
namespace {

CalibrationOpener opener_of(std::span<const CalibrationItem> items) {
  if (items.empty()) return {};
  return [items] { return std::make_unique<MemoryDataset>(items); };
}

/// As many image-caption pairs as there can be.
std::int64_t most_samples(std::span<const CalibrationItem> items) {
  std::size_t samples = 0;
  for (const CalibrationItem& item : items) {
    samples += std::max<std::size_t>(1, item.captions.size());
  }
  return static_cast<std::int64_t>(samples);
}

QuantizedFile quantize(const std::filesystem::path& checkpoint,
                       const std::filesystem::path& artifact,
                       const QuantizeCheckpointOptions& options) {
  checkpoint_files(checkpoint);  // before long work: that it is there
  require_artifact_target(artifact, checkpoint);
  Recipe recipe = load_recipe(options.recipe, options.overrides);
  const Component component = parse_component(options.component);
  OpenedModel opened = open_model(checkpoint, model_options(options.open));
  const QuantizationPlan plan = plan_quantization(opened, std::move(recipe), component);
  const CalibrationOptions calibration = {.samples = most_samples(options.calibration),
                                          .takes_all = true};
  const Artifact quantized = quantize_opened(
      opened, plan, calibration_input(opened, plan, opener_of(options.calibration), calibration));
  save_artifact(quantized, artifact);
  return {static_cast<std::int64_t>(std::filesystem::file_size(artifact)),
          opened.source.float32_bytes, quantized.quantized.quantization.warnings};
}

}  // namespace

QuantizedFile quantize_checkpoint(const std::filesystem::path& checkpoint,
                                  const std::filesystem::path& artifact,
                                  const QuantizeCheckpointOptions& options) {
  QuantizedFile written;
  with_own_errors([&] { written = quantize(checkpoint, artifact, options); });
  return written;
}

}  // namespace clipq
