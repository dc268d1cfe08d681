#include "clipq/library/quantize_opened.h"

#include <ATen/ops/scalar_tensor.h>

#include <utility>

#include "clipq/core/error.h"
#include "clipq/core/files.h"
#include "clipq/core/log.h"
#include "clipq/core/setting.h"
#include "clipq/core/strings.h"
#include "clipq/core/version.h"
#include "clipq/eval/undecodable.h"
#include "clipq/library/calibration_stream.h"
#include "clipq/quant/place_quantizers.h"
#include "clipq/quant/quantize_model.h"

namespace clipq {
namespace {

[[noreturn]] void throw_needs_data(const QuantizationPlan& plan) {
  const bool text = plan.needs_data(Tower::kText);
  std::vector<Advice> advice = {{Setting::kCalibrationData}};
  if (text) advice.push_back({Setting::kCalibrationCaptions});
  throw UsageError(cat("recipe ", plan.recipe.name, " needs calibration data",
                       text ? ": image-caption pairs, such as COCO's" : ""),
                   std::move(advice));
}

CalibrationInput input_on(std::unique_ptr<Dataset> data, const OpenedModel& opened,
                          const QuantizationPlan& plan, const CalibrationOptions& options) {
  const Dataset& dataset = *data;
  CalibrationFeed feed = {has_quantizers(plan.placement, Tower::kImage),
                          has_quantizers(plan.placement, Tower::kText), options.decode_threads};
  const std::int64_t wanted = options.samples > 0 ? options.samples : plan.recipe.samples;
  const std::int64_t first = items_within(wanted, dataset);
  DecodableItems decodable = {first_indices(first), {}};
  if (options.skip_bad > 0 && feed.image) {
    decodable = decodable_items(dataset, first, options.skip_bad, feed.decode_threads);
  }
  const CalibrationPlan chosen =
      plan_calibration(dataset, std::move(decodable.items), wanted, feed.text);
  if (chosen.captions.empty() && feed.text) {
    if (plan.needs_data(Tower::kText)) {
      std::vector<Advice> advice = {{Setting::kCalibrationCaptions}};
      if (opened.model.image) advice.push_back({Setting::kComponent, "image"});
      throw UsageError(cat("recipe ", plan.recipe.name, " calibrates the text tower, but ",
                           dataset.spec(), " has no captions; pass data with captions",
                           opened.model.image ? ", or quantize only the image tower" : ""),
                       std::move(advice));
    }
    feed.text = false;
  }
  if (plan.needs_data() && !options.takes_all && chosen.samples < wanted) {
    log::warn(cat("calibrating on ", chosen.samples, " samples: ", dataset.spec(), " has no more (",
                  wanted, " were asked for)"));
  }
  const ContentHash content = content_hash(dataset, chosen.images);
  CalibrationInput input;
  input.provenance = CalibrationProvenance{
      .spec = dataset.spec(),
      .used_for = plan.needs_data() ? CalibrationUse::kCalibration : CalibrationUse::kDiagnosis,
      .samples = chosen.samples,
      .images = static_cast<std::int64_t>(feed.image ? chosen.images.size() : 0),
      .captions = static_cast<std::int64_t>(feed.text ? chosen.captions.size() : 0),
      .sha256 = content.sha256,
      .image_hashes = short_hashes(content),
      .skipped = decodable.bad.names};
  input.source = calibration_source(dataset, chosen, opened.tokenizer, opened.model, feed);
  input.dataset = std::move(data);
  return input;
}

/// What of the wanted component the model has. Throws UsageError if that is nothing.
Component present_component(const ClipModel& model, Component wanted, const std::string& name) {
  if (wanted == Component::kBoth && model.image && model.text) return wanted;
  if (wanted == Component::kBoth) return model.image ? Component::kImage : Component::kText;
  require_tower(model, wanted == Component::kImage ? Tower::kImage : Tower::kText, name);
  return wanted;
}

Artifact artifact_of(QuantizedModel quantized, const OpenedModel& opened,
                     const QuantizationPlan& plan) {
  Quantization& quantization = quantized.quantization;
  quantization.recipe = plan.recipe.json;
  quantization.recipe_name = plan.recipe.name;
  quantization.component = name_of(plan.component);
  for (const std::string& warning : quantization.warnings) log::warn(warning);
  return {std::move(quantized), opened.source, opened.own_tokenizer};
}

}  // namespace

void require_artifact_target(const std::filesystem::path& artifact,
                             const std::filesystem::path& checkpoint) {
  require_writable_target(artifact);
  std::error_code absent;
  if (!std::filesystem::equivalent(checkpoint, artifact, absent)) return;
  throw UsageError(
      cat(artifact.string(), " is the checkpoint itself; choose another name for the artifact"));
}

bool QuantizationPlan::needs_data(Tower tower) const {
  return clipq::needs_data(placement, recipe, tower);
}

bool QuantizationPlan::needs_data() const {
  return needs_data(Tower::kImage) || needs_data(Tower::kText);
}

QuantizationPlan plan_quantization(OpenedModel& opened, Recipe recipe, Component component) {
  if (opened.quantization) {
    throw InputError(cat(opened.info.path, " is already quantized (recipe ",
                         opened.quantization->recipe_name, "); pass the float checkpoint"));
  }
  const Component present = present_component(opened.model, component, opened.info.path);
  Placement placement = place_quantizers(opened.model, recipe, present);
  if (!has_quantizers(placement, Tower::kImage) && !has_quantizers(placement, Tower::kText)) {
    log::warn(cat("recipe ", recipe.name, " leaves every quantizer of ", opened.info.path,
                  " off: nothing is quantized"));
  } else {
    for (const Tower tower : opened.model.towers()) {
      if (!includes(present, tower) || has_quantizers(placement, tower)) continue;
      log::warn(cat("recipe ", recipe.name, " has nothing to do in the ", name_of(tower),
                    " tower, which stays float"));
    }
  }
  return {std::move(recipe), present, std::move(placement)};
}

CalibrationInput calibration_input(const OpenedModel& opened, const QuantizationPlan& plan,
                                   const CalibrationOpener& open_data,
                                   const CalibrationOptions& options) {
  if (!open_data) {
    if (plan.needs_data()) throw_needs_data(plan);
    return {};
  }
  if (plan.needs_data()) return input_on(open_data(), opened, plan, options);
  try {
    CalibrationInput input = input_on(open_data(), opened, plan, options);
    log::info(cat("recipe ", plan.recipe.name,
                  " needs no calibration; the data are used only for diagnostics"));
    return input;
  } catch (const UsageError& failure) {
    log::warn(cat(
        "recipe ", plan.recipe.name,
        " needs no calibration; the data were not used for diagnostics either: ", failure.what()));
    return {};
  }
}

std::string calibration_fingerprint(const OpenedModel& opened, const QuantizationPlan& plan,
                                    const CalibrationInput& calibration) {
  return Json({{"clipq", kVersion},
               {"checkpoint", opened.source.sha256},
               {"config", to_json(opened.model.config())},
               {"recipe", plan.recipe.json},
               {"component", name_of(plan.component)},
               {"data", calibration.provenance ? to_json(*calibration.provenance) : Json()},
               {"batches", calibration.source ? calibration.source->fingerprint : ""}})
      .dump();
}

Artifact quantize_opened(OpenedModel& opened, const QuantizationPlan& plan,
                         const CalibrationInput& calibration,
                         const std::optional<CalibrationState>& state) {
  QuantizedModel quantized = quantize_model(std::exchange(opened.model, ClipModel()),
                                            plan.placement, plan.recipe, calibration.source, state);
  quantized.quantization.calibration = calibration.provenance;
  return artifact_of(std::move(quantized), opened, plan);
}

Artifact rehearse(OpenedModel& opened, const QuantizationPlan& plan) {
  CalibrationData data;
  for (const PlacedQuantizer& placed : plan.placement) {
    if (!placed.needs_calibration()) continue;
    data.ranges[placed.id] = {at::scalar_tensor(-1.0), at::scalar_tensor(1.0)};
  }
  QuantizedModel quantized =
      convert(std::exchange(opened.model, ClipModel()), plan.placement, {}, data);
  for (QuantizerRecord& record : quantized.quantization.quantizers) {
    if (record.placed.needs_calibration() || !plan.recipe.algorithms.empty()) record.range.reset();
  }
  return artifact_of(std::move(quantized), opened, plan);
}

}  // namespace clipq
