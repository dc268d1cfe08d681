#include "clipq/app/eval_command.h"

#include <algorithm>
#include <set>

#include "clipq/bench/environment.h"
#include "clipq/core/error.h"
#include "clipq/core/files.h"
#include "clipq/core/log.h"
#include "clipq/core/strings.h"
#include "clipq/model/whole_batch.h"
#include "clipq/result/clip_benchmark.h"

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

std::optional<CalibrationInfo> calibration_of(const OpenedModel& opened) {
  if (!opened.quantization || !opened.quantization->calibration) return std::nullopt;
  const CalibrationProvenance& calibration = *opened.quantization->calibration;
  if (calibration.used_for == CalibrationUse::kDiagnosis) return std::nullopt;
  return CalibrationInfo{calibration.spec, calibration.samples, 0};
}

/// Records how many evaluated images the model was calibrated on, and warns about them.
void check_overlap(Result& result, const OpenedModel& opened, const ImageSource& source) {
  if (!result.calibration) return;
  result.calibration->overlap = count_calibrated(source.content, *opened.quantization->calibration);
  if (result.calibration->overlap == 0) return;
  result.warnings.push_back(
      cat(opened.info.path, ": ", result.calibration->overlap, " of ", source.count,
          " evaluated images were also used to calibrate it; its accuracy may be overestimated"));
  log::warn(result.warnings.back());
}

std::vector<Result> results_of(TaskReport& report, const ModelStore::Models& opened,
                               const ImageSource& source, const EvalOptions& options) {
  for (const std::string& warning : report.warnings) log::warn(warning);
  std::vector<Result> results;
  for (std::size_t i = 0; i < opened.size(); ++i) {
    const OpenedModel& model = *opened[i];
    Result& result = results.emplace_back();
    result.task = options.task;
    result.model = model.info;
    result.data = DataInfo{options.data,          source.dataset.name(), report.items,
                           source.content.sha256, report.templates,      report.skipped};
    result.metrics = std::move(report.models[i].metrics);
    result.outcomes = std::move(report.models[i].outcomes);
    result.details = std::move(report.models[i].details);
    result.warnings = source.dataset.warnings();
    result.warnings.insert(result.warnings.end(), report.warnings.begin(), report.warnings.end());
    warn_of_unchecked(result);
    result.calibration = calibration_of(model);
    check_overlap(result, model, source);
    result.settings = report.settings;
    if (needs_whole_batch(model.model)) {
      result.settings["batch_size"] = options.batch_size;
    }
    result.environment = current_environment();
  }
  return results;
}

std::string a_tower(Tower tower) {
  return cat(tower == Tower::kImage ? "an " : "a ", name_of(tower), " tower");
}

/// Throws UsageError if a model lacks a tower that the task needs, naming the tasks that it has the
/// towers for.
void require_towers(const Task& task, const ModelStore::Models& opened) {
  for (const auto& each : opened) {
    const auto suits = [&each](const Task& other) {
      return std::all_of(other.needs.begin(), other.needs.end(),
                         [&each](Tower tower) { return each->model.has(tower); });
    };
    if (suits(task)) continue;
    std::vector<std::string> suitable;
    for (const Task& other : tasks()) {
      if (suits(other)) suitable.push_back(other.name);
    }
    std::vector<std::string> needed;
    for (const Tower tower : task.needs) needed.push_back(a_tower(tower));
    const Tower own = each->model.towers().front();
    throw UsageError(cat(task.name, " needs ", join(needed, " and "), ", but ", each->info.path,
                         " has only ", a_tower(own), "; it can be evaluated by ",
                         join(suitable, ", ")));
  }
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
  require_towers(task, opened);
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
