#include "run_item.h"

#include <algorithm>
#include <utility>

#include "clipq/app/bench_command.h"
#include "clipq/app/eval_command.h"
#include "clipq/app/quantize_command.h"
#include "clipq/core/files.h"
#include "clipq/core/sha256.h"
#include "clipq/core/strings.h"

namespace clipq {
namespace {

namespace fs = std::filesystem;

/// Approximate cost of quantizing, in forward passes of single images.
constexpr double kQuantizeWork = 500;

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

class QuantizeItem : public RunItem {
 public:
  QuantizeItem(RunContext& context, RunSubject& subject, RunRecipe recipe, std::string component,
               const fs::path& folder)
      : RunItem(context, subject),
        recipe_(std::move(recipe)),
        component_(std::move(component)),
        stem_(cat(subject.prefix, recipe_.name, component_ == "both" ? "" : "." + component_)),
        file_(folder / (stem_ + ".pt")) {}

  std::string name() const override { return "quantize." + stem_; }
  std::string title() const override { return "quantize " + stem_; }
  PartCost cost() const override { return {.work = kQuantizeWork}; }

  Json inputs() const override {
    return context_->inputs.quantize(subject_->models[0].sha256, context_->run, recipe_,
                                     component_);
  }

  RunOutcome make(bool begun_before) const override {
    QuantizeOptions options;
    options.checkpoint = subject_->checkpoint.path;
    options.output = file_;
    options.recipe = recipe_.recipe;
    options.overrides = recipe_.overrides;
    options.component = component_;
    if (!recipe_.calibration.empty()) {
      const RunData& data = context_->run.data_named(recipe_.calibration);
      options.calibration_data = data.spec;
      options.calibration_captions = data.captions;
      options.calibration_samples = recipe_.samples;
    }
    options.skip_bad = context_->options.skip_bad;
    options.resume = begun_before;
    options.decode_threads = context_->options.decode_threads;
    options.model = context_->options.model;
    const QuantizeReport report = quantize(options);
    write_file(fs::path(file_).replace_extension(".txt"), to_text(report));
    return {{{"sha256", sha256_of_file(file_)}, {"report", to_json(report)}}, {file_}};
  }

  void accept(const Json& outcome) const override {
    subject_->models.push_back({file_, outcome.at("sha256")});
  }

 private:
  RunRecipe recipe_;
  std::string component_;
  std::string stem_;
  fs::path file_;
};

class TaskItem : public RunItem {
 public:
  TaskItem(RunContext& context, RunSubject& subject, RunTask task)
      : RunItem(context, subject), task_(std::move(task)) {}

  std::string name() const override { return "eval." + label(); }
  std::string title() const override { return "evaluate " + label(); }
  PartCost cost() const override {
    return {.work = model_count() * static_cast<double>(task_.limit)};
  }

  Json inputs() const override {
    return context_->inputs.task(digests_of(subject_->models), task_, data());
  }

  RunOutcome make(bool /*begun_before*/) const override {
    EvalOptions options;
    options.models = files_of(subject_->models);
    options.task = task_.task;
    options.data = data().spec;
    options.captions = data().captions;
    options.limit = task_.limit;
    options.task_options = task_.options;
    options.batch_size = context_->options.batch_size;
    options.decode_threads = context_->options.decode_threads;
    options.skip_bad = context_->options.skip_bad;
    options.cache = context_->options.cache;
    options.model = context_->options.model;
    return {results_document(evaluate(options, context_->models)), {}};
  }

  void accept(const Json& outcome) const override { accept_results(outcome); }

 private:
  std::string label() const { return subject_->prefix + task_.name; }
  const RunData& data() const { return context_->run.data_named(task_.data); }

  RunTask task_;
};

class BenchItem : public RunItem {
 public:
  BenchItem(RunContext& context, RunSubject& subject) : RunItem(context, subject) {}

  std::string name() const override { return subject_->prefix + "bench"; }
  std::string title() const override {
    return cat("time ", subject_->models[0].file.filename().string(), " and its artifacts");
  }
  PartCost cost() const override {
    const double runs = (latency().image ? 1 : 0) + (latency().text ? 2 : 0);
    return {.seconds = model_count() * runs * latency().seconds *
                       static_cast<double>(latency().batch_sizes.size())};
  }

  Json inputs() const override {
    return context_->inputs.bench(digests_of(subject_->models), latency());
  }

  RunOutcome make(bool /*begun_before*/) const override {
    context_->models = {};  // only what is timed is in memory
    BenchOptions options;
    options.models = files_of(subject_->models);
    options.latency = latency();
    options.model = context_->options.model;
    return {results_document(bench(options)), {}};
  }

  void accept(const Json& outcome) const override { accept_results(outcome); }

 private:
  const LatencyOptions& latency() const { return *context_->run.bench; }
};

}  // namespace

void RunItem::accept_results(const Json& outcome) const {
  for (const Json& json : outcome.at("results")) {
    Result result = result_from_json(json, name());
    // The models may have had other names when the item was done.
    const auto model =
        std::find_if(subject_->models.begin(), subject_->models.end(),
                     [&](const RunModel& each) { return each.sha256 == result.model.sha256; });
    if (model != subject_->models.end()) result.model.path = model->file.string();
    if (result.environment) result.environment->command = context_->options.command;
    subject_->results.push_back(std::move(result));
  }
}

double RunItem::model_count() const {
  return 1 + static_cast<double>(context_->run.recipes.size() * context_->run.components.size());
}

std::unique_ptr<RunItem> quantize_item(RunContext& context, RunSubject& subject,
                                       const RunRecipe& recipe, const std::string& component,
                                       const fs::path& folder) {
  return std::make_unique<QuantizeItem>(context, subject, recipe, component, folder);
}

std::unique_ptr<RunItem> task_item(RunContext& context, RunSubject& subject, const RunTask& task) {
  return std::make_unique<TaskItem>(context, subject, task);
}

std::unique_ptr<RunItem> bench_item(RunContext& context, RunSubject& subject) {
  return std::make_unique<BenchItem>(context, subject);
}

}  // namespace clipq
