#include "clipq/app/run_command.h"

#include <functional>
#include <utility>

#include "clipq/app/bench_command.h"
#include "clipq/app/compare_command.h"
#include "clipq/app/eval_command.h"
#include "clipq/app/quantize_command.h"
#include "clipq/app/run_file.h"
#include "clipq/core/files.h"
#include "clipq/core/log.h"
#include "clipq/core/progress.h"
#include "clipq/core/sha256.h"
#include "clipq/core/strings.h"
#include "run_inputs.h"

namespace clipq {
namespace {

namespace fs = std::filesystem;

/// A model by its file.
struct RunModel {
  fs::path file;
  std::string sha256;
};

/// A checkpoint of the run, and what has come of it so far.
struct Subject {
  RunCheckpoint checkpoint;
  fs::path folder;               ///< of its results and report
  std::string prefix;            ///< of its items and artifacts; empty if there is no other
  std::vector<RunModel> models;  ///< the float one first
  std::vector<Result> results;
};

/// What an item left: files, and JSON that accept() understands.
struct Made {
  Json outcome;
  std::vector<fs::path> files;
};

/// A part of a run that is done or not.
struct RunItem {
  std::string name;
  std::string checkpoint;
  std::string title;
  PartCost cost;
  std::function<Json()> inputs;
  std::function<Made(bool begun_before)> make;
  std::function<void(const Json& outcome)> accept;
};

std::vector<std::string> digests_of(const std::vector<RunModel>& models) {
  std::vector<std::string> digests;
  for (const RunModel& model : models) digests.push_back(model.sha256);
  return digests;
}

std::vector<fs::path> files_of(const std::vector<RunModel>& models) {
  std::vector<fs::path> files;
  for (const RunModel& model : models) files.push_back(model.file);
  return files;
}

/// Does a run's items in their order.
class Runner {
 public:
  Runner(const RunOptions& options, RunFile run)
      : options_(options), run_(std::move(run)), inputs_(options) {
    report_.name = run_.name;
    choose_checkpoints();
    choose_recipes();
    choose_tasks();
  }

  RunReport run(RunFolder& folder) {
    for (Subject& subject : subjects_) add_quantize_items(subject, folder);
    for (Subject& subject : subjects_) add_task_items(subject);
    for (Subject& subject : subjects_) add_bench_item(subject);
    do_items(folder);
    for (Subject& subject : subjects_) finish(subject);
    if (subjects_.size() > 1) write_results(options_.folder, report_);
    return std::move(report_);
  }

 private:
  void skip(const std::string& item, const std::string& what) {
    report_.skipped.push_back(cat(item, ": ", what, " isn't given"));
    log::info("run: skipped " + report_.skipped.back());
  }

  void choose_checkpoints() {
    std::vector<RunCheckpoint> bound;
    for (const RunCheckpoint& each : run_.checkpoints) {
      if (each.path.empty()) {
        skip(each.name, each.name);
        continue;
      }
      require_file(each.path, "checkpoint");
      bound.push_back(each);
    }
    for (const RunCheckpoint& each : bound) {
      const bool alone = bound.size() == 1;
      subjects_.push_back({each,
                           alone ? options_.folder : options_.folder / each.name,
                           alone ? "" : each.name + ".",
                           {{each.path, sha256_of_file(each.path)}},
                           {}});
    }
  }

  void choose_recipes() {
    for (const RunRecipe& each : run_.recipes) {
      if (!each.calibration.empty()) {
        const RunData& data = run_.data_named(each.calibration);
        if (data.spec.empty()) {
          skip(each.name, "data." + data.name);
          continue;
        }
        open_dataset(data.spec, data.captions);
      }
      recipes_.push_back(each);
    }
  }

  /// Completes the tasks with what their data are bound to and checks them.
  void choose_tasks() {
    for (RunTask task : run_.tasks) {
      const RunData& data = run_.data_named(task.data);
      if (data.spec.empty()) {
        skip(task.name, "data." + data.name);
        continue;
      }
      task.options.classnames = data.classnames;
      task.options.train_data = data.train;
      if (!task.json.contains("templates") && !data.templates.empty()) {
        task.options.templates = data.templates;
      }
      const auto dataset = open_dataset(data.spec, data.captions);
      task.limit = items_within(task.limit, *dataset);
      find_task(task.task, task.name).check({*dataset, task.limit, task.options});
      tasks_.push_back(std::move(task));
    }
  }

  void add_quantize_items(Subject& subject, const RunFolder& folder) {
    for (const RunRecipe& recipe : recipes_) {
      for (const std::string& component : run_.components) {
        const std::string name =
            cat(subject.prefix, recipe.name, component == "both" ? "" : "." + component);
        const fs::path file = folder.models() / (name + ".pt");
        items_.push_back(
            {.name = "quantize." + name,
             .checkpoint = subject.checkpoint.name,
             .title = "quantize " + name,
             .cost = {.work = kQuantizeWork},
             .inputs =
                 [this, &subject, &recipe, component] {
                   return inputs_.quantize(subject.models[0].sha256, run_, recipe, component);
                 },
             .make =
                 [this, &subject, &recipe, component, file](bool begun_before) {
                   return make_artifact(subject, recipe, component, file, begun_before);
                 },
             .accept =
                 [&subject, file](const Json& outcome) {
                   subject.models.push_back({file, outcome.at("sha256")});
                 }});
      }
    }
  }

  Made make_artifact(const Subject& subject, const RunRecipe& recipe, const std::string& component,
                     const fs::path& file, bool begun_before) const {
    QuantizeOptions quantize_options;
    quantize_options.checkpoint = subject.checkpoint.path;
    quantize_options.output = file;
    quantize_options.recipe = recipe.recipe;
    quantize_options.overrides = recipe.overrides;
    quantize_options.component = component;
    if (!recipe.calibration.empty()) {
      const RunData& data = run_.data_named(recipe.calibration);
      quantize_options.calibration_data = data.spec;
      quantize_options.calibration_captions = data.captions;
      quantize_options.calibration_samples = recipe.samples;
    }
    quantize_options.resume = begun_before;
    quantize_options.decode_threads = options_.decode_threads;
    quantize_options.model = options_.model;
    const QuantizeReport made = quantize(quantize_options);
    write_file(fs::path(file).replace_extension(".txt"), to_text(made));
    return {{{"sha256", sha256_of_file(file)}, {"report", to_json(made)}}, {file}};
  }

  void add_task_items(Subject& subject) {
    for (const RunTask& task : tasks_) {
      const RunData& data = run_.data_named(task.data);
      const double models =
          1 + static_cast<double>(recipes_.size()) * static_cast<double>(run_.components.size());
      const std::string name = cat(subject.prefix, task.name);
      items_.push_back(
          {.name = "eval." + name,
           .checkpoint = subject.checkpoint.name,
           .title = cat("evaluate ", name),
           .cost = {.work = models * static_cast<double>(task.limit)},
           .inputs = [this, &subject, &task,
                      &data] { return inputs_.task(digests_of(subject.models), task, data); },
           .make =
               [this, &subject, &task, &data](bool) {
                 return Made{results_document(measure(subject, task, data)), {}};
               },
           .accept = [&subject,
                      name](const Json& outcome) { accept_results(subject, outcome, name); }});
    }
  }

  std::vector<Result> measure(const Subject& subject, const RunTask& task,
                              const RunData& data) const {
    EvalOptions eval_options;
    eval_options.models = files_of(subject.models);
    eval_options.task = task.task;
    eval_options.data = data.spec;
    eval_options.captions = data.captions;
    eval_options.limit = task.limit;
    eval_options.task_options = task.options;
    eval_options.batch_size = options_.batch_size;
    eval_options.decode_threads = options_.decode_threads;
    eval_options.skip_bad = options_.skip_bad;
    eval_options.cache = options_.cache;
    eval_options.model = options_.model;
    return evaluate(eval_options);
  }

  void add_bench_item(Subject& subject) {
    if (!run_.bench) return;
    const double models = 1 + static_cast<double>(recipes_.size() * run_.components.size());
    const double towers = (run_.bench->image ? 1 : 0) + (run_.bench->text ? 2 : 0);
    const double seconds =
        models * towers * run_.bench->seconds * static_cast<double>(run_.bench->batch_sizes.size());
    items_.push_back(
        {.name = subject.prefix + "bench",
         .checkpoint = subject.checkpoint.name,
         .title = cat("time ", subject.models[0].file.filename().string(), " and its artifacts"),
         .cost = {.seconds = seconds},
         .inputs = [this,
                    &subject] { return inputs_.bench(digests_of(subject.models), *run_.bench); },
         .make =
             [this, &subject](bool) {
               BenchOptions bench_options;
               bench_options.models = files_of(subject.models);
               bench_options.latency = *run_.bench;
               bench_options.model = options_.model;
               return Made{results_document(bench(bench_options)), {}};
             },
         .accept = [&subject](const Json& outcome) { accept_results(subject, outcome, "bench"); }});
  }

  /// Results of an item. Their models may have had other names when the item was made.
  static void accept_results(Subject& subject, const Json& outcome, const std::string& where) {
    for (const Json& json : outcome.at("results")) {
      Result result = result_from_json(json, where);
      for (const RunModel& model : subject.models) {
        if (model.sha256 == result.model.sha256) result.model.path = model.file.string();
      }
      subject.results.push_back(std::move(result));
    }
  }

  void do_items(RunFolder& folder) {
    std::vector<PartCost> costs;
    for (const RunItem& item : items_) costs.push_back(item.cost);
    OverallProgress progress(std::move(costs));
    for (const RunItem& item : items_) {
      bool worked = true;
      try {
        progress.begin();
        worked = do_item(item, folder, progress);
      } catch (const Interrupted&) {
        log::info(cat("run: the same command with --resume goes on with ", item.title));
        throw;
      } catch (const std::exception& exception) {
        fail(item.name, item.checkpoint, exception);
      }
      progress.end(worked);
    }
  }

  /// Returns whether there was something to do.
  static bool do_item(const RunItem& item, RunFolder& folder, const OverallProgress& progress) {
    const Json inputs = item.inputs();
    if (const auto outcome = folder.finished(item.name, inputs)) {
      log::info(cat("run: ", item.title, " is finished already"));
      item.accept(*outcome);
      return false;
    }
    log::info(cat("run: ", progress.text(), ": ", item.title));
    const bool begun_before = folder.begin(item.name, inputs);
    const Made made = item.make(begun_before);
    folder.finish(item.name, inputs, made.outcome, made.files);
    // Read back, so that it makes no difference when the item was made.
    item.accept(parse_json(json_text(made.outcome), item.name));
    return true;
  }

  void fail(const std::string& item, const std::string& checkpoint,
            const std::exception& exception) {
    report_.failed.push_back({item, checkpoint, failure_of(exception)});
    log::error(
        cat("run: ", item, " failed, the rest goes on: ", report_.failed.back().failure.message));
  }

  /// Writes what there is about a checkpoint.
  void finish(Subject& subject) {
    make_folder(subject.folder);
    if (!subject.results.empty()) {
      for (const FailedItem& each : report_.failed) {
        if (each.checkpoint != subject.checkpoint.name) continue;
        subject.results.front().warnings.push_back(
            cat(each.item, " failed: ", each.failure.message));
      }
    }
    RunReport own = report_;
    own.results = subject.results;
    write_results(subject.folder, own);
    if (run_.gates) check_gates(subject);
    report_.results.insert(report_.results.end(), subject.results.begin(), subject.results.end());
  }

  static void write_results(const fs::path& folder, const RunReport& report) {
    write_file(folder / "results.json", json_text(to_json(report)));
  }

  void check_gates(const Subject& subject) {
    const fs::path results = subject.folder / "results.json";
    try {
      const ComparisonReport compared = compare({{results}, {results}, *run_.gates});
      write_file(subject.folder / "gates.json", json_text(to_json(compared)));
      report_.gates.push_back(compared);
    } catch (const Interrupted&) {
      throw;
    } catch (const std::exception& exception) {
      fail(subject.prefix + "gates", subject.checkpoint.name, exception);
    }
  }

  /// What quantizing costs beside forwards of single images, roughly.
  static constexpr double kQuantizeWork = 500;

  const RunOptions& options_;
  RunFile run_;
  RunInputs inputs_;
  std::vector<Subject> subjects_;
  std::vector<RunRecipe> recipes_;
  std::vector<RunTask> tasks_;
  std::vector<RunItem> items_;
  RunReport report_;
};

}  // namespace

void RunReport::require_success() const {
  std::vector<std::string> texts;
  for (const FailedItem& each : failed) texts.push_back(cat(each.item, ": ", each.failure.message));
  if (!failed.empty()) {
    throw Error(failed.front().failure.code,
                cat(failed.size(), failed.size() == 1 ? " item" : " items", " of the run failed: ",
                    join(texts, "; "), "; mend the cause and go on with --resume"));
  }
  for (const ComparisonReport& each : gates) {
    if (!each.passed()) throw GateError(broken_gates(each));
  }
}

RunReport run(const RunOptions& options) {
  Runner runner(options, load_run(options.run, options.settings));
  RunFolder folder(options.folder, options.earlier);
  return runner.run(folder);
}

Json to_json(const RunReport& report) {
  Json json = results_document(report.results);
  json["run"] = {{"name", report.name}, {"failed", Json::array()}, {"skipped", report.skipped}};
  for (const FailedItem& each : report.failed) {
    json["run"]["failed"].push_back({{"item", each.item},
                                     {"message", each.failure.message},
                                     {"exit_code", static_cast<int>(each.failure.code)}});
  }
  return json;
}

}  // namespace clipq
