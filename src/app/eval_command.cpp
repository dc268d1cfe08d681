#include "clipq/app/eval_command.h"

#include <algorithm>
#include <set>

#include "clipq/core/error.h"
#include "clipq/core/files.h"
#include "clipq/core/log.h"
#include "clipq/core/strings.h"
#include "clipq/model/whole_batch.h"
#include "clipq/result/clip_benchmark.h"
#include "evaluation_result.h"

namespace clipq {
namespace {

/// Models as the encoder takes them, with distinct labels.
std::vector<EvaluatedModel> evaluated_models(const ModelStore::Models& opened) {
  std::vector<EvaluatedModel> models;
  std::set<std::string> labels;
  for (const auto& each : opened) {
    models.push_back(evaluated(*each));
    std::string& label = models.back().label;
    while (!labels.insert(label).second) label += cat("-", models.size());
  }
  return models;
}

EncodeOptions encode_options(const EvalOptions& options, const RankExchange* ranks) {
  EncodeOptions encode;
  encode.ranks = ranks;
  encode.batch_size = options.batch_size;
  encode.decode_threads = options.decode_threads;
  encode.skip_bad = options.skip_bad;
  if (!options.cache.empty()) encode.cache = FeatureCache(options.cache);
  encode.save_folder = options.save_folder;
  return encode;
}

std::vector<Result> results_of(TaskReport& report, const ModelStore::Models& opened,
                               const ImageSource& source, const EvalOptions& options) {
  for (const std::string& warning : report.warnings) log::warn(warning);
  const bool compares = find_task(options.task, "--task").compares_models;
  std::vector<Result> results;
  for (std::size_t i = 0; i < opened.size(); ++i) {
    const OpenedModel& model = *opened[i];
    std::optional<CalibrationProvenance> calibration;
    if (model.quantization) calibration = model.quantization->calibration;
    Result& result = results.emplace_back(
        evaluation_result(options.task, model.info, calibration, report, source));
    result.metrics = std::move(report.models[i].metrics);
    result.outcomes = std::move(report.models[i].outcomes);
    result.details = std::move(report.models[i].details);
    if (compares) result.settings["base_sha256"] = opened.front()->info.sha256;
    if (needs_whole_batch(model.model)) {
      result.settings["batch_size"] = options.batch_size;
    }
  }
  return results;
}

void require_shareable(const Task& task) {
  if (!task.layer_by_layer) return;
  throw UsageError(cat("--task ", task.name,
                       " can't be shared by several processes, because its sums depend on the "
                       "order of the items; run it in one process"));
}

/// Writes CLIP_benchmark's files; a number distinguishes models with the same name and recipe.
void write_clip_benchmark(const std::filesystem::path& folder, const std::vector<Result>& results) {
  std::set<std::string> names;
  for (const Result& result : results) {
    const std::string stem =
        std::filesystem::path(clip_benchmark_file_name(result)).stem().string();
    std::string name = stem;
    for (int number = 2; !names.insert(name).second; ++number) name = cat(stem, "-", number);
    write_file(folder / (name + ".json"), json_text(clip_benchmark_json(result)));
  }
}

}  // namespace

std::vector<Result> evaluate(const EvalOptions& options, ModelStore& models,
                             const RankExchange* ranks) {
  const Task& task = find_task(options.task, "--task");
  if (ranks != nullptr) require_shareable(task);
  for (const std::filesystem::path& folder : {options.save_folder, options.clip_benchmark}) {
    if (leads(ranks) && !folder.empty()) make_folder(folder);
  }
  const auto dataset = open_dataset(options.data, options.captions);
  const std::int64_t count =
      items_within(options.limit > 0 ? options.limit : task.default_limit, *dataset);
  task.check({*dataset, count, options.task_options});
  ModelOptions model_options = options.model;
  if (task.layer_by_layer) model_options.simulate = true;
  const ModelStore::Models opened = models.open(options.models, model_options);
  for (const auto& each : opened) require_towers(task, each->model, each->info.path, tasks());
  const Encoder encoder(evaluated_models(opened), encode_options(options, ranks));
  const ImageSource source = {*dataset, count, content_hash(*dataset, count)};
  const Measure measure = task.encode({encoder, source, options.task_options});
  if (!leads(ranks)) return {};
  TaskReport report = measure();
  std::vector<Result> results = results_of(report, opened, source, options);
  if (!options.clip_benchmark.empty()) write_clip_benchmark(options.clip_benchmark, results);
  return results;
}

std::vector<Result> evaluate(const EvalOptions& options, const RankExchange* ranks) {
  ModelStore models;
  return evaluate(options, models, ranks);
}

}  // namespace clipq
