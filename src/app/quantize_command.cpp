#include "clipq/app/quantize_command.h"

#include <ATen/ops/scalar_tensor.h>

#include <utility>

#include "clipq/app/calibration_stream.h"
#include "clipq/app/image_overlap.h"
#include "clipq/bench/environment.h"
#include "clipq/core/error.h"
#include "clipq/core/files.h"
#include "clipq/core/log.h"
#include "clipq/core/stopwatch.h"
#include "clipq/core/strings.h"
#include "clipq/core/version.h"
#include "clipq/eval/undecodable.h"
#include "clipq/quant/place_quantizers.h"
#include "clipq/quant/quantize_model.h"
#include "clipq/quant/summary.h"

namespace clipq {
namespace {

/// Opened calibration data, and what the artifact will record about it.
struct Calibration {
  std::unique_ptr<Dataset> dataset;
  std::optional<CalibrationSource> source;
  Json provenance;
};

/// The towers that can't be quantized without data.
struct TowersInNeed {
  bool image;
  bool text;

  bool any() const { return image || text; }
};

TowersInNeed towers_in_need(const Placement& placement, const Recipe& recipe) {
  return {needs_data(placement, recipe, Tower::kImage),
          needs_data(placement, recipe, Tower::kText)};
}

[[noreturn]] void throw_needs_data(const Recipe& recipe, bool text) {
  throw UsageError(cat("recipe ", recipe.name, " needs calibration data; pass --calib-data",
                       text ? " and --calib-captions (image-caption pairs, such as COCO's)" : ""));
}

/// Opens the data that --calib-data names and plans what to run on.
/// @param needed the towers that the recipe can't quantize without
Calibration plan_calibration_on(const OpenedModel& opened, CalibrationFeed feed,
                                const Recipe& recipe, const QuantizeOptions& options,
                                const TowersInNeed& needed) {
  Calibration calibration;
  calibration.dataset = open_dataset(options.calibration_data, options.calibration_captions);
  const Dataset& dataset = *calibration.dataset;
  const std::int64_t wanted =
      options.calibration_samples > 0 ? options.calibration_samples : recipe.samples;
  const std::int64_t first = items_within(wanted, dataset);
  DecodableItems decodable = {first_indices(first), {}};
  if (options.skip_bad > 0 && feed.image) {
    decodable = decodable_items(dataset, first, options.skip_bad, feed.decode_threads);
  }
  const CalibrationPlan plan =
      plan_calibration(dataset, std::move(decodable.items), wanted, feed.text);
  if (plan.captions.empty() && feed.text) {
    if (needed.text) {
      throw UsageError(cat("recipe ", recipe.name, " calibrates the text tower, but ",
                           options.calibration_data, " has no captions; pass coco:DIR with ",
                           "--calib-captions, or --component image"));
    }
    feed.text = false;
  }
  if (needed.any() && plan.samples < wanted) {
    log::warn(cat("calibrating on ", plan.samples, " samples: ", options.calibration_data,
                  " has no more (", wanted, " were asked for)"));
  }
  const ContentHash content = content_hash(dataset, plan.images);
  calibration.provenance = {{"spec", options.calibration_data},
                            {"used_for", needed.any() ? "calibration" : "diagnosis"},
                            {"samples", plan.samples},
                            {"images", feed.image ? plan.images.size() : 0},
                            {"captions", feed.text ? plan.captions.size() : 0},
                            {"sha256", content.sha256},
                            {"image_hashes", short_hashes(content)}};
  if (!decodable.bad.names.empty()) calibration.provenance["skipped"] = decodable.bad.names;
  calibration.source = calibration_source(dataset, plan, opened.tokenizer, opened.model, feed);
  return calibration;
}

/// Opens calibration data if needed or given. Data that a recipe doesn't need are used for its
/// diagnostics, or ignored if they can't be.
Calibration open_calibration(const OpenedModel& opened, const Placement& placement,
                             const Recipe& recipe, const QuantizeOptions& options,
                             const TowersInNeed& needed) {
  const CalibrationFeed feed = {has_quantizers(placement, Tower::kImage),
                                has_quantizers(placement, Tower::kText), options.decode_threads};
  if (options.calibration_data.empty()) {
    if (needed.any()) throw_needs_data(recipe, needed.text);
    return {};
  }
  if (needed.any()) return plan_calibration_on(opened, feed, recipe, options, needed);
  try {
    Calibration calibration = plan_calibration_on(opened, feed, recipe, options, needed);
    log::info(cat("recipe ", recipe.name,
                  " needs no calibration; the --calib data are used only for diagnostics"));
    return calibration;
  } catch (const UsageError& failure) {
    log::warn(cat("recipe ", recipe.name,
                  " needs no calibration; the --calib data were not used for diagnostics either: ",
                  failure.what()));
    return {};
  }
}

/// What a saved calibration must have in common with this one to be continued.
std::string fingerprint(const OpenedModel& opened, const Recipe& recipe, Component component,
                        const Calibration& calibration) {
  return Json({{"clipq", kVersion},
               {"checkpoint", opened.source.sha256},
               {"config", to_json(opened.model.config())},
               {"recipe", recipe.json},
               {"component", name_of(component)},
               {"data", calibration.provenance},
               {"batches", calibration.source ? calibration.source->fingerprint : ""}})
      .dump();
}

/// The model as it would be quantized, with ranges of [-1, 1] wherever calibration would find them.
/// Ranges that calibration or an algorithm would change are left out.
QuantizedModel rehearse(ClipModel model, const Placement& placement, const Recipe& recipe) {
  CalibrationData data;
  for (const PlacedQuantizer& placed : placement) {
    if (!placed.needs_calibration()) continue;
    data.ranges[placed.id] = {at::scalar_tensor(-1.0), at::scalar_tensor(1.0)};
  }
  QuantizedModel quantized = convert(std::move(model), placement, {}, data);
  for (QuantizerRecord& record : quantized.quantization.quantizers) {
    if (record.placed.needs_calibration() || !recipe.algorithms.empty()) record.range.reset();
  }
  return quantized;
}

void check_options(const QuantizeOptions& options) {
  require_file(options.checkpoint, "checkpoint");
  if (options.dry_run) return;
  if (options.output.empty())
    throw UsageError("quantize: no output; pass the artifact's name with -o");
  if (options.calibration_data.empty() &&
      (!options.calibration_captions.empty() || options.calibration_samples > 0)) {
    throw UsageError("quantize: --calib-captions and --calib-samples need --calib-data");
  }
  require_writable_target(options.output);
  std::error_code absent;
  if (std::filesystem::equivalent(options.checkpoint, options.output, absent)) {
    throw UsageError(cat("-o ", options.output.string(),
                         " is the checkpoint itself; choose another name for the artifact"));
  }
}

/// Records how long each stage takes.
class Stages {
 public:
  explicit Stages(QuantizeReport& report) : report_(report) {}
  void finish(const char* stage) {
    report_.stage_seconds.emplace_back(stage, watch_.lap());
    log::debug(cat(stage, " took ", fixed(report_.stage_seconds.back().second, 2), " s"));
  }

 private:
  QuantizeReport& report_;
  Stopwatch watch_;
};

/// A line about the images that a calibration skipped; empty if none.
std::string skipped_line(const std::vector<std::string>& skipped) {
  if (skipped.empty()) return {};
  return cat("undecodable calibration images skipped: ", skipped.size(), " (", join(skipped, ", "),
             ")\n");
}

void fill_report(QuantizeReport& report, QuantizedModel& quantized, const Source& source) {
  report.quantizers = quantizer_lines(quantized.quantization);
  report.coverage = coverage_lines(quantized.model, quantized.quantization);
  report.warnings = quantized.quantization.warnings;
  report.source_bytes = source.size_bytes;
  report.float32_bytes = source.float32_bytes;
  report.peak_resident_bytes = peak_resident_bytes();
}

}  // namespace

QuantizeReport quantize(const QuantizeOptions& options) {
  check_options(options);
  const Recipe recipe = load_recipe(options.recipe, options.overrides);
  const Component component = parse_component(options.component);
  QuantizeReport report;
  report.dry_run = options.dry_run;
  Stages stages(report);

  OpenedModel opened = open_model(options.checkpoint, options.model);
  if (opened.quantization) {
    throw InputError(cat(options.checkpoint.string(), " is already quantized (recipe ",
                         opened.quantization->recipe_name, "); pass the float checkpoint"));
  }
  const Placement placement = place_quantizers(opened.model, recipe, component);
  const TowersInNeed needed = towers_in_need(placement, recipe);
  report.needs_data = needed.any();
  stages.finish("load");

  Artifact artifact;
  artifact.source = opened.source;
  artifact.bpe_vocab = opened.bpe_vocab;
  Calibration calibration;
  std::optional<CalibrationState> state;
  if (options.dry_run) {
    artifact.quantized = rehearse(std::exchange(opened.model, ClipModel()), placement, recipe);
  } else {
    calibration = open_calibration(opened, placement, recipe, options, needed);
    state = {.file = cat(options.output.string(), ".calibration"),
             .fingerprint = fingerprint(opened, recipe, component, calibration),
             .seconds = options.save_seconds,
             .resume = options.resume};
    artifact.quantized = quantize_model(std::exchange(opened.model, ClipModel()), placement, recipe,
                                        calibration.source, state);
  }
  stages.finish("quantize");
  Quantization& quantization = artifact.quantized.quantization;
  quantization.recipe = recipe.json;
  quantization.recipe_name = recipe.name;
  quantization.component = name_of(component);
  quantization.calibration = calibration.provenance;
  for (const std::string& warning : quantization.warnings) log::warn(warning);

  if (options.dry_run) {
    report.output_bytes = artifact_bytes(artifact);
  } else {
    save_artifact(artifact, options.output);
    for (const auto& file : state_files(*state, recipe)) std::filesystem::remove(file);
    report.output_bytes = static_cast<std::int64_t>(std::filesystem::file_size(options.output));
    stages.finish("save");
  }
  fill_report(report, artifact.quantized, opened.source);
  if (calibration.provenance.contains("skipped")) {
    report.skipped = calibration.provenance["skipped"].get<std::vector<std::string>>();
  }
  return report;
}

std::string to_text(const QuantizeReport& report) {
  const auto ratio = [&](std::int64_t whole) {
    return fixed(static_cast<double>(report.output_bytes) / static_cast<double>(whole), 4);
  };
  std::vector<std::string> stages;
  for (const auto& [stage, seconds] : report.stage_seconds) {
    stages.push_back(cat(stage, " ", fixed(seconds, 2), " s"));
  }
  return cat(
      report.quantizers, report.coverage,
      report.dry_run ? cat("dry run: nothing was calibrated or written; calibration data are ",
                           report.needs_data ? "needed" : "not needed", "\nresulting size: ")
                     : "size: ",
      report.output_bytes, " bytes (", mebibytes(report.output_bytes), "), ",
      ratio(report.float32_bytes), " of the float32 weights (", mebibytes(report.float32_bytes),
      "), ", ratio(report.source_bytes), " of the checkpoint file (",
      mebibytes(report.source_bytes), ")\n", skipped_line(report.skipped),
      "time: ", join(stages, ", "), "; peak memory ", mebibytes(report.peak_resident_bytes), "\n");
}

Json to_json(const QuantizeReport& report) {
  Json seconds = Json::object();
  for (const auto& [stage, value] : report.stage_seconds) seconds[stage] = value;
  return {{"size_bytes", report.output_bytes},
          {"float32_bytes", report.float32_bytes},
          {"source_bytes", report.source_bytes},
          {"seconds", seconds},
          {"peak_resident_bytes", report.peak_resident_bytes},
          {"coverage", report.coverage},
          {"dry_run", report.dry_run},
          {"needs_data", report.needs_data},
          {"skipped", report.skipped},
          {"warnings", report.warnings}};
}

}  // namespace clipq
