#include "clipq/app/quantize_command.h"

#include <algorithm>
#include <utility>

#include "clipq/app/failure.h"
#include "clipq/bench/environment.h"
#include "clipq/core/error.h"
#include "clipq/core/files.h"
#include "clipq/core/log.h"
#include "clipq/core/stopwatch.h"
#include "clipq/core/strings.h"
#include "clipq/library/quantize_opened.h"
#include "clipq/onnx/onnx_folder.h"
#include "clipq/quant/quantize_model.h"
#include "clipq/quant/summary.h"

namespace clipq {
namespace {

void check_options(const QuantizeOptions& options) {
  require_no_onnx_folder(options.checkpoint);
  checkpoint_files(options.checkpoint);  // before long work: that it is there
  if (options.dry_run) return;
  if (options.output.empty())
    throw UsageError("quantize: no output; pass the artifact's name with -o");
  if (options.calibration_data.empty() &&
      (!options.calibration_captions.empty() || options.calibration_samples > 0)) {
    throw UsageError("quantize: --calib-captions and --calib-samples need --calib-data");
  }
  require_artifact_target(options.output, options.checkpoint);
}

CalibrationOpener opener_of(const QuantizeOptions& options) {
  if (options.calibration_data.empty()) return {};
  return [&options] {
    try {
      return open_dataset(options.calibration_data, options.calibration_captions);
    } catch (const UsageError& failure) {
      throw UsageError(failure_of(failure).message);  // may end in a warning
    }
  };
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

/// Leaves no saved calibration behind when the artifact is written.
Artifact quantize_and_save(OpenedModel& opened, const QuantizationPlan& plan,
                           const QuantizeOptions& options, Stages& stages) {
  const CalibrationInput calibration =
      calibration_input(opened, plan, opener_of(options),
                        {.samples = options.calibration_samples,
                         .skip_bad = options.skip_bad,
                         .decode_threads = options.decode_threads});
  const CalibrationState state = {.file = cat(options.output.string(), ".calibration"),
                                  .fingerprint = calibration_fingerprint(opened, plan, calibration),
                                  .seconds = options.save_seconds,
                                  .resume = options.resume};
  const auto start = std::filesystem::file_time_type::clock::now();
  Artifact artifact;
  try {
    artifact = quantize_opened(opened, plan, calibration, state);
  } catch (const Interrupted&) {
    const std::vector<std::filesystem::path> files = state_files(state, plan.recipe);
    const bool saved = std::any_of(files.begin(), files.end(), [start](const auto& file) {
      std::error_code missing;
      return std::filesystem::last_write_time(file, missing) >= start && !missing;
    });
    if (saved) log::info("the same command with --resume continues from there");
    throw;
  }
  stages.finish("quantize");
  save_artifact(artifact, options.output);
  for (const auto& file : state_files(state, plan.recipe)) std::filesystem::remove(file);
  return artifact;
}

void fill_report(QuantizeReport& report, QuantizedModel& quantized, const Source& source) {
  report.quantizers = quantizer_lines(quantized.quantization);
  report.coverage = coverage_lines(quantized.model, quantized.quantization);
  report.warnings = quantized.quantization.warnings;
  report.source_bytes = source.size_bytes;
  report.float32_bytes = source.float32_bytes;
  if (quantized.quantization.calibration)
    report.skipped = quantized.quantization.calibration->skipped;
  report.peak_resident_bytes = peak_resident_bytes();
}

}  // namespace

QuantizeReport quantize(const QuantizeOptions& options) {
  check_options(options);
  Recipe recipe = load_recipe(options.recipe, options.overrides);
  const Component component = parse_component(options.component);
  QuantizeReport report;
  report.dry_run = options.dry_run;
  Stages stages(report);

  OpenedModel opened = open_model(options.checkpoint, options.model);
  const QuantizationPlan plan = plan_quantization(opened, std::move(recipe), component);
  report.needs_data = plan.needs_data();
  stages.finish("load");

  Artifact artifact;
  if (options.dry_run) {
    artifact = rehearse(opened, plan);
    stages.finish("quantize");
    report.output_bytes = artifact_bytes(artifact, options.output);
  } else {
    artifact = quantize_and_save(opened, plan, options, stages);
    report.output_bytes = static_cast<std::int64_t>(std::filesystem::file_size(options.output));
    stages.finish("save");
  }
  fill_report(report, artifact.quantized, opened.source);
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
