#include "clipq/app/quantize_command.h"

#include <algorithm>
#include <utility>

#include "clipq/app/worker_share.h"
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

/// Statistics tell what they were gathered on, so that quantizing with them takes no data.
void check_merge(const QuantizeOptions& options) {
  if (options.dry_run)
    throw UsageError("quantize: --dry-run calibrates nothing; drop --merge-statistics");
  if (!options.calibration_data.empty() || !options.calibration_captions.empty() ||
      options.calibration_samples > 0 || options.resume || options.skip_bad > 0) {
    throw UsageError(
        "quantize: --merge-statistics calibrates on what was gathered; drop --calib-data, "
        "--calib-captions, --calib-samples, --resume and --skip-bad, or pass --statistics-only to "
        "gather the next pass");
  }
}

void check_options(const QuantizeOptions& options) {
  require_no_onnx_folder(options.checkpoint);
  checkpoint_files(options.checkpoint);  // before long work: that it is there
  if (!options.shard.empty() && !options.statistics_only) {
    throw UsageError("quantize: --shard needs --statistics-only");
  }
  const bool merges = !options.statistics.empty();
  if (merges && !options.statistics_only) check_merge(options);
  if (options.dry_run) return;
  if (options.output.empty())
    throw UsageError("quantize: no output; pass the artifact's name with -o");
  require_calibration_data(options, "quantize");
  for (const std::filesystem::path& file : options.statistics) {
    std::error_code absent;
    if (!std::filesystem::equivalent(file, options.output, absent)) continue;
    throw UsageError(cat("quantize: ", options.output.string(),
                         " is one of the files of --merge-statistics; choose another output"));
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

CalibrationInput calibration_of(const OpenedModel& opened, const QuantizationPlan& plan,
                                const QuantizeOptions& options) {
  return calibration_of(opened, plan, options, options.skip_bad, options.decode_threads);
}

/// Calls `work` with the state that it keeps; says if an interruption leaves one to continue from.
/// @param worker part of the state's name: tells workers with one output apart
template <typename Work>
auto with_state(const OpenedModel& opened, const QuantizationPlan& plan,
                const CalibrationInput& calibration, const QuantizeOptions& options,
                const std::string& worker, const Work& work) {
  const CalibrationState state = {.file = cat(options.output.string(), worker, ".calibration"),
                                  .fingerprint = calibration_fingerprint(opened, plan, calibration),
                                  .seconds = options.save_seconds,
                                  .resume = options.resume};
  const std::vector<std::filesystem::path> files = state_files(state, plan.recipe);
  const auto start = std::filesystem::file_time_type::clock::now();
  try {
    auto result = work(state);
    for (const auto& file : files) std::filesystem::remove(file);
    return result;
  } catch (const Interrupted&) {
    const bool saved = std::any_of(files.begin(), files.end(), [start](const auto& file) {
      std::error_code missing;
      return std::filesystem::last_write_time(file, missing) >= start && !missing;
    });
    if (saved) log::info("the same command with --resume continues from there");
    throw;
  }
}

/// Rank 0 saves; the others have no artifact.
std::optional<Artifact> quantize_and_save(OpenedModel& opened, const QuantizationPlan& plan,
                                          const QuantizeOptions& options, const RankExchange* ranks,
                                          Stages& stages) {
  const auto save = [&](std::optional<Artifact> artifact) {
    stages.finish("quantize");
    if (artifact) save_artifact(*artifact, options.output);
    return artifact;
  };
  if (!options.statistics.empty()) {
    return save(
        quantize_with_statistics(opened, plan, GatheredStatistics::read(options.statistics)));
  }
  const CalibrationInput calibration = calibration_of(opened, plan, options);
  if (ranks == nullptr) {
    return with_state(opened, plan, calibration, options, "", [&](const CalibrationState& state) {
      return save(quantize_opened(opened, plan, calibration, state));
    });
  }
  const std::string worker = cat(".rank-", ranks->rank(), "-of-", ranks->count());
  return with_state(opened, plan, calibration, options, worker, [&](const CalibrationState& state) {
    auto artifact = save(quantize_with_ranks(opened, plan, calibration, *ranks, state));
    ranks->leave();
    return artifact;
  });
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

QuantizeReport quantize(const QuantizeOptions& options, const RankExchange* ranks) {
  if (!options.dry_run) require_artifact_target(options.output, options.checkpoint);
  Recipe recipe = load_recipe(options.recipe, options.overrides);
  const Component component = parse_component(options.component);
  QuantizeReport report;
  report.dry_run = options.dry_run;
  Stages stages(report);

  OpenedModel opened = open_model(options.checkpoint, options.model);
  const QuantizationPlan plan = plan_quantization(opened, std::move(recipe), component);
  report.needs_data = plan.needs_data();
  stages.finish("load");

  std::optional<Artifact> artifact;
  if (options.dry_run) {
    artifact = rehearse(opened, plan);
    stages.finish("quantize");
    report.output_bytes = artifact_bytes(*artifact, options.output);
  } else {
    if (ranks != nullptr) {
      report.rank = ranks->rank();
      report.ranks = ranks->count();
    }
    artifact = quantize_and_save(opened, plan, options, ranks, stages);
    if (!artifact) return report;
    report.output_bytes = static_cast<std::int64_t>(std::filesystem::file_size(options.output));
    stages.finish("save");
  }
  fill_report(report, artifact->quantized, opened.source);
  return report;
}

}  // namespace

StatisticsReport gather_statistics(const QuantizeOptions& options) {
  check_options(options);
  if (options.dry_run)
    throw UsageError("quantize: --dry-run gathers no statistics; drop one of them");
  require_artifact_target(options.output, options.checkpoint);
  const WorkerShare share = worker_share(options.shard);
  Recipe recipe = load_recipe(options.recipe, options.overrides);
  const Component component = parse_component(options.component);
  const GatheredStatistics given = GatheredStatistics::read(options.statistics);
  OpenedModel opened = open_model(options.checkpoint, options.model);
  const QuantizationPlan plan = plan_quantization(opened, std::move(recipe), component);
  const CalibrationInput calibration = calibration_of(opened, plan, options);
  StatisticsReport report = {
      .output = options.output, .worker = share.index, .workers = share.count};
  report.statistics =
      with_state(opened, plan, calibration, options, "", [&](const CalibrationState& state) {
        return write_statistics(opened, plan, calibration, given, share.index, share.count, state,
                                options.output);
      });
  report.output_bytes = static_cast<std::int64_t>(std::filesystem::file_size(options.output));
  return report;
}

QuantizeReport quantize(const QuantizeOptions& options) {
  check_options(options);
  std::optional<RankPlace> place;
  if (!options.dry_run && options.statistics.empty()) place = rank_place();
  QuantizeReport report;
  with_ranks(place, options.rank_timeout,
             [&](const RankExchange* ranks) { report = quantize(options, ranks); });
  return report;
}

std::string to_text(const QuantizeReport& report) {
  if (report.rank > 0) {
    return cat("rank ", report.rank, " of ", report.ranks,
               ": calibrated its part; rank 0 writes the artifact\n");
  }
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

std::string to_text(const StatisticsReport& report) {
  const WorkerStatistics& statistics = report.statistics;
  return cat("statistics of pass ", statistics.pass, ", worker ", report.worker, " of ",
             report.workers, ": ", to_text(statistics.batches), " of ", statistics.pass_batches,
             " in ", report.output.string(), " (", mebibytes(report.output_bytes), ")\n");
}

Json to_json(const StatisticsReport& report) {
  return {{"pass", report.statistics.pass},
          {"batches", {report.statistics.batches.first, report.statistics.batches.last}},
          {"pass_batches", report.statistics.pass_batches},
          {"worker", report.worker},
          {"workers", report.workers},
          {"size_bytes", report.output_bytes}};
}

Json to_json(const QuantizeReport& report) {
  if (report.rank > 0) return {{"rank", report.rank}, {"ranks", report.ranks}};
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
          {"rank", report.rank},
          {"ranks", report.ranks},
          {"warnings", report.warnings}};
}

}  // namespace clipq
