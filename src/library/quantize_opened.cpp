#include "clipq/library/quantize_opened.h"

#include <ATen/ops/scalar_tensor.h>

#include <utility>

#include "clipq/core/differing_keys.h"
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
#include "clipq/quant/state_file.h"

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

constexpr const char* kStatistics = "statistics";

/// What statistics tell of the data that they were gathered on.
std::string statistics_data(const CalibrationInput& calibration) {
  return Json({{"provenance", to_json(*calibration.provenance)},
               {"batches", calibration.source->batches},
               {"fingerprint", calibration.source->fingerprint}})
      .dump();
}

/// The input that the statistics were gathered on, without the data.
CalibrationInput input_of(const GatheredStatistics& statistics) {
  const Json data = parse_json(statistics.data(), kStatistics);
  CalibrationInput input;
  input.provenance = calibration_provenance_from_json(
      json_value<Json>(data, "provenance", {}, kStatistics), kStatistics);
  input.source = CalibrationSource{
      .batches = json_value<std::int64_t>(data, "batches", 0, kStatistics),
      .fingerprint = json_value<std::string>(data, "fingerprint", "", kStatistics),
      .open = {}};
  return input;
}

void require_statistics_of(const std::string& fingerprint, const GatheredStatistics& statistics) {
  const std::string others = differing_keys(fingerprint, statistics.fingerprint());
  if (others.empty()) return;
  throw InputError(cat("the statistics were gathered with another ", others,
                       "; gather them with the same model, recipe, data and version of clipq"));
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

Artifact artifact_of(QuantizedModel quantized, const OpenedModel& opened,
                     const QuantizationPlan& plan) {
  Quantization& quantization = quantized.quantization;
  quantization.recipe = plan.recipe.json;
  quantization.recipe.erase("evidence");  // of another artifact
  quantization.recipe_name = plan.recipe.name;
  quantization.component = name_of(plan.component);
  for (const std::string& warning : quantization.warnings) log::warn(warning);
  return {std::move(quantized), opened.source, opened.own_tokenizer};
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
  Json data;
  if (calibration.provenance) {
    data = to_json(*calibration.provenance);
    data.erase("spec");  // where the data lie differs from machine to machine
  }
  return Json({{"clipq", kVersion},
               {"checkpoint", opened.source.sha256},
               {"config", to_json(opened.model.config())},
               {"recipe", plan.recipe.json},
               {"component", name_of(plan.component)},
               {"data", data},
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

WorkerStatistics write_statistics(OpenedModel& opened, const QuantizationPlan& plan,
                                  const CalibrationInput& calibration,
                                  const GatheredStatistics& given, std::int64_t index,
                                  std::int64_t count, const CalibrationState& state,
                                  const std::filesystem::path& output) {
  if (!plan.needs_data()) {
    throw UsageError(cat("recipe ", plan.recipe.name,
                         " needs no calibration, so there are no statistics to gather; quantize "
                         "without them"));
  }
  const CalibrationSource& source = *calibration.source;
  if (!given.empty()) require_statistics_of(state.fingerprint, given);
  CalibrationPasses passes(std::exchange(opened.model, ClipModel()), plan.placement, plan.recipe,
                           source.batches);
  while (passes.next() && given.has(passes.next()->name)) {
    const CalibrationRequest pass = *passes.next();
    passes.take(data_of(given.of(pass), plan.placement, pass));
  }
  if (!passes.next()) {
    throw UsageError(cat("the statistics are complete: recipe ", plan.recipe.name,
                         " takes no other pass; quantize with them"));
  }
  const CalibrationRequest pass = *passes.next();
  const BatchRange batches = share_of(pass.batches, index, count);
  ObserverState gathered =
      gather_statistics(passes.model(), plan.placement, pass, source, batches, state);
  write_calibration(output, {.fingerprint = state.fingerprint,
                             .pass = pass.name,
                             .batches = batches,
                             .pass_batches = pass.batches,
                             .data = statistics_data(calibration),
                             .state = std::move(gathered)});
  return {pass.name, batches, pass.batches};
}

Artifact quantize_with_statistics(OpenedModel& opened, const QuantizationPlan& plan,
                                  const GatheredStatistics& statistics) {
  const CalibrationInput calibration = input_of(statistics);
  require_statistics_of(calibration_fingerprint(opened, plan, calibration), statistics);
  QuantizedModel quantized =
      quantize_model(std::exchange(opened.model, ClipModel()), plan.placement, plan.recipe,
                     calibration.source->batches, statistics);
  quantized.quantization.calibration = calibration.provenance;
  return artifact_of(std::move(quantized), opened, plan);
}

std::optional<Artifact> quantize_with_ranks(OpenedModel& opened, const QuantizationPlan& plan,
                                            const CalibrationInput& calibration,
                                            const RankExchange& ranks,
                                            const CalibrationState& state) {
  require_same(ranks, "fingerprint", state.fingerprint, "calibrate");
  std::optional<std::int64_t> all_batches;
  if (calibration.source) all_batches = calibration.source->batches;
  CalibrationPasses passes(std::exchange(opened.model, ClipModel()), plan.placement, plan.recipe,
                           all_batches);
  while (passes.next()) {
    const CalibrationRequest pass = *passes.next();
    const BatchRange batches = ranks.share(pass.batches);
    const SavedCalibration own = {.fingerprint = state.fingerprint,
                                  .pass = pass.name,
                                  .batches = batches,
                                  .pass_batches = pass.batches,
                                  .state = gather_statistics(passes.model(), plan.placement, pass,
                                                             *calibration.source, batches, state)};
    std::vector<ObserverState> parts;
    for (const std::string& bytes : ranks.exchange(pass.name, to_bytes(own))) {
      const std::string where = cat("the statistics of rank ", parts.size());
      parts.push_back(statistics_from_bytes(bytes, where).state);
    }
    passes.take(data_of(parts, plan.placement, pass));
  }
  if (ranks.rank() > 0) return std::nullopt;
  QuantizedModel quantized = std::move(passes).convert();
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
