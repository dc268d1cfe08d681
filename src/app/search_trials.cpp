#include "search_trials.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "clipq/bench/latency.h"
#include "clipq/core/error.h"
#include "clipq/core/files.h"
#include "clipq/core/log.h"
#include "clipq/core/sha256.h"
#include "clipq/core/strings.h"
#include "clipq/model/whole_batch.h"
#include "clipq/quant/quantize_model.h"
#include "evaluation_result.h"
#include "everyday_prompts.h"

namespace clipq {
namespace {

constexpr double kCalibrationSaveSeconds = 30;
constexpr std::size_t kDigestDigits = 16;

/// What tells candidates apart: the recipe without its name.
std::string digest_of(const Candidate& candidate) {
  Json recipe = candidate.recipe.json;
  recipe.erase("name");
  return sha256_of(recipe.dump()).substr(0, kDigestDigits);
}

std::vector<Latencies> latencies_of(const std::vector<const OpenedModel*>& models, const Task& task,
                                    std::int64_t batch) {
  std::vector<TimedModel> timed;
  for (const OpenedModel* each : models) timed.push_back({&each->model, everyday_prompts(*each)});
  LatencyOptions options;
  options.batch_sizes = {batch};
  const auto needs = [&task](Tower tower) {
    return std::find(task.needs.begin(), task.needs.end(), tower) != task.needs.end();
  };
  options.image = needs(Tower::kImage);
  options.text = needs(Tower::kText);
  return measure_latencies(timed, options);
}

}  // namespace

SearchPlan search_plan(const OpenedModel& floating, const Candidate& candidate,
                       const SearchCommandOptions& options) {
  SearchPlan plan = {floating, {}, {}};
  plan.plan = plan_quantization(plan.opened, candidate.recipe, parse_component(options.component));
  plan.calibration =
      calibration_of(plan.opened, plan.plan, options, options.skip_bad, options.decode_threads);
  return plan;
}

CalibrationState calibration_state(const std::filesystem::path& file, const SearchPlan& plan) {
  CalibrationState state = {
      .file = file,
      .fingerprint = calibration_fingerprint(plan.opened, plan.plan, plan.calibration),
      .seconds = kCalibrationSaveSeconds};
  // A search's folder holds nothing but its own, and a short calibration is over before it is
  // saved.
  for (const auto& each : state_files(state, plan.plan.recipe)) {
    state.resume = state.resume || std::filesystem::exists(each);
  }
  return state;
}

SearchTrials::SearchTrials(const SearchCommandOptions& options, const OpenedModel& floating,
                           std::filesystem::path folder)
    : options_(options), floating_(floating), folder_(std::move(folder)) {}

std::filesystem::path SearchTrials::file(const Candidate& candidate,
                                         const std::string& extension) const {
  return folder_ / cat("trial-", digest_of(candidate), extension);
}

std::filesystem::path SearchTrials::artifact(const Candidate& candidate) const {
  const std::filesystem::path kept = file(candidate, ".pt");
  if (std::filesystem::exists(kept)) return kept;
  log::info(cat("quantizing: ", candidate.name));
  SearchPlan plan = search_plan(floating_, candidate, options_);
  const CalibrationState state = calibration_state(file(candidate, ".calibration"), plan);
  save_artifact(quantize_opened(plan.opened, plan.plan, plan.calibration, state), kept);
  for (const auto& each : state_files(state, plan.plan.recipe)) std::filesystem::remove(each);
  return kept;
}

void SearchTrials::keep(const Candidate& candidate, const Artifact& artifact) const {
  const std::filesystem::path kept = file(candidate, ".pt");
  if (!std::filesystem::exists(kept)) save_artifact(artifact, kept);
}

void SearchTrials::discard(const Candidate& candidate) const {
  std::filesystem::remove(file(candidate, ".pt"));
}

Trial SearchTrials::measure(const Candidate& candidate, const ImageSource& source) const {
  const std::filesystem::path record = file(candidate, ".json");
  if (std::filesystem::exists(record)) {
    std::vector<Result> kept = read_results(record);
    return {candidate.name, std::move(kept.at(0)), std::move(kept.at(1))};
  }
  std::vector<Result> measured =
      results({candidate}, source, options_.minimize == SearchCost::kLatency);
  write_file(record, json_text(results_document(measured)));
  return {candidate.name, std::move(measured[0]), std::move(measured[1])};
}

std::vector<Trial> SearchTrials::measure_held_out(const std::vector<Candidate>& candidates,
                                                  const ImageSource& source) const {
  std::vector<Result> measured = results(candidates, source, /*times=*/true);
  std::vector<Trial> trials;
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    trials.push_back({candidates[i].name, measured.front(), std::move(measured[i + 1])});
  }
  return trials;
}

Result SearchTrials::measure_float(const ImageSource& source) const {
  return std::move(results({}, source, /*times=*/false).front());
}

std::vector<Result> SearchTrials::results(const std::vector<Candidate>& candidates,
                                          const ImageSource& source, bool times) const {
  std::vector<std::unique_ptr<const OpenedModel>> opened;
  std::vector<const OpenedModel*> models = {&floating_};
  std::vector<EvaluatedModel> evaluated_models = {evaluated(floating_)};
  for (const Candidate& candidate : candidates) {
    OpenedModel model = open_model(artifact(candidate), options_.model);
    model.info.path = candidate.name;
    opened.push_back(std::make_unique<const OpenedModel>(std::move(model)));
    models.push_back(opened.back().get());
    evaluated_models.push_back(evaluated(*opened.back()));
    evaluated_models.back().label = candidate.name;
  }
  EncodeOptions encode;
  encode.batch_size = options_.batch_size;
  encode.decode_threads = options_.decode_threads;
  encode.skip_bad = options_.skip_bad;
  encode.cache = FeatureCache(folder_ / "features");
  const Encoder encoder(std::move(evaluated_models), encode);
  const Task& task = find_task(options_.task, "--task");
  TaskReport report = task.encode({encoder, source, options_.task_options})();
  std::vector<Latencies> latencies(models.size());
  if (times) latencies = latencies_of(models, task, options_.latency_batch);
  std::vector<Result> measured;
  for (std::size_t i = 0; i < models.size(); ++i) {
    const std::optional<Quantization>& quantization = models[i]->quantization;
    Result& result = measured.emplace_back(
        evaluation_result(task.name, models[i]->info,
                          quantization ? quantization->calibration : std::nullopt, report, source));
    result.metrics = std::move(report.models[i].metrics);
    result.outcomes = std::move(report.models[i].outcomes);
    result.latency = std::move(latencies[i]);
    if (needs_whole_batch(models[i]->model)) result.settings["batch_size"] = options_.batch_size;
  }
  return measured;
}

}  // namespace clipq
