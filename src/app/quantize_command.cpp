#include "clipq/app/quantize_command.h"

#include <utility>

#include "clipq/app/calibration_stream.h"
#include "clipq/app/stopwatch.h"
#include "clipq/bench/environment.h"
#include "clipq/core/error.h"
#include "clipq/core/files.h"
#include "clipq/core/log.h"
#include "clipq/core/strings.h"
#include "clipq/quant/summary.h"

namespace clipq {
namespace {

/// Runs the calibration that a placement needs, and notes its provenance.
CalibratedRanges calibrate_on_data(const OpenedModel& opened, const Placement& placement,
                                   const Recipe& recipe, const QuantizeOptions& options,
                                   Json& provenance) {
  const bool image = needs_calibration(placement, Tower::kVisual);
  const bool text = needs_calibration(placement, Tower::kText);
  if (!image && !text) {
    if (!options.calibration_data.empty() || !options.calibration_captions.empty() ||
        options.calibration_samples > 0) {
      log::info(
          cat("recipe ", recipe.name, " needs no calibration; the --calib options were not used"));
    }
    return {};
  }
  if (options.calibration_data.empty()) {
    throw UsageError(
        cat("recipe ", recipe.name, " has static ranges and needs data to calibrate ",
            "on: give --calib-data",
            text ? " and --calib-captions (image-caption pairs, such as COCO's)" : ""));
  }
  const auto dataset = open_dataset(options.calibration_data, options.calibration_captions);
  const std::int64_t wanted =
      options.calibration_samples > 0 ? options.calibration_samples : recipe.samples;
  const CalibrationPlan plan = plan_calibration(*dataset, wanted, text);
  if (text && plan.captions.empty()) {
    throw UsageError(cat("recipe ", recipe.name, " calibrates the text tower, but ",
                         options.calibration_data, " has no captions; give coco:DIR with ",
                         "--calib-captions, or --component image"));
  }
  if (plan.samples < wanted) {
    log::warn(cat("calibrating on ", plan.samples, " samples: ", options.calibration_data,
                  " has no more (", wanted, " were asked for)"));
  }
  provenance = {{"spec", options.calibration_data},  {"samples", plan.samples},
                {"images", image ? plan.images : 0}, {"captions", text ? plan.captions.size() : 0},
                {"observer", recipe.observer},       {"sha256", dataset->content_hash()}};
  return calibrate(opened.model, placement, recipe.observer,
                   calibration_stream(*dataset, plan, opened.tokenizer, opened.model, image, text,
                                      options.decode_threads));
}

}  // namespace

QuantizeReport quantize(const QuantizeOptions& options) {
  require_writable_target(options.output);
  require_file(options.checkpoint, "checkpoint");
  std::error_code absent;
  if (std::filesystem::equivalent(options.checkpoint, options.output, absent)) {
    throw UsageError(cat("-o ", options.output.string(),
                         " is the checkpoint itself; give the artifact another name"));
  }
  const Recipe recipe = load_recipe(options.recipe, options.overrides);
  const Component component = parse_component(options.component);
  QuantizeReport report;
  Stopwatch watch;
  const auto finish_stage = [&](const char* stage) {
    report.stage_seconds.emplace_back(stage, watch.lap());
    log::debug(cat(stage, " took ", fixed(report.stage_seconds.back().second, 2), " s"));
  };

  OpenedModel opened = open_model(options.checkpoint, options.model);
  if (opened.quantization) {
    throw InputError(cat(options.checkpoint.string(), " is quantized already (recipe ",
                         opened.quantization->recipe_name, "); give the float checkpoint"));
  }
  const Placement placement = place_quantizers(opened.model, recipe, component);
  finish_stage("load");

  Json provenance;
  const CalibratedRanges ranges = calibrate_on_data(opened, placement, recipe, options, provenance);
  finish_stage("calibrate");

  Artifact artifact;
  artifact.quantized = convert(std::exchange(opened.model, ClipModel()), placement, ranges);
  artifact.source = opened.source;
  artifact.bpe_vocab = opened.bpe_vocab;
  Quantization& quantization = artifact.quantized.quantization;
  quantization.recipe = recipe.json;
  quantization.recipe_name = recipe.name;
  quantization.component = name_of(component);
  quantization.calibration = provenance;
  finish_stage("convert");

  save_artifact(artifact, options.output);
  finish_stage("save");

  report.quantizers = quantizer_lines(quantization);
  report.coverage = coverage_lines(artifact.quantized.model, quantization);
  report.source_bytes = opened.source.size_bytes;
  report.float32_bytes = opened.source.float32_bytes;
  report.output_bytes = static_cast<std::int64_t>(std::filesystem::file_size(options.output));
  report.peak_resident_bytes = peak_resident_bytes();
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
  return cat(report.quantizers, report.coverage, "size: ", report.output_bytes, " bytes (",
             mebibytes(report.output_bytes), "), ", ratio(report.float32_bytes),
             " of the float32 weights (", mebibytes(report.float32_bytes), "), ",
             ratio(report.source_bytes), " of the file given (", mebibytes(report.source_bytes),
             ")\ntime: ", join(stages, ", "), "; peak memory ",
             mebibytes(report.peak_resident_bytes),
             "\nexecution: quantized layers are simulated in float32 (no integer kernels yet)\n");
}

Json to_json(const QuantizeReport& report) {
  Json seconds = Json::object();
  for (const auto& [stage, value] : report.stage_seconds) seconds[stage] = value;
  return {{"size_bytes", report.output_bytes},
          {"float32_bytes", report.float32_bytes},
          {"source_bytes", report.source_bytes},
          {"seconds", seconds},
          {"peak_resident_bytes", report.peak_resident_bytes},
          {"coverage", report.coverage}};
}

}  // namespace clipq
