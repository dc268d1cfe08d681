#include "clipq/app/eval_command.h"

#include <algorithm>
#include <cmath>

#include "clipq/bench/environment.h"
#include "clipq/core/error.h"
#include "clipq/core/strings.h"
#include "clipq/eval/zeroshot_classification.h"
#include "clipq/text/prompts.h"

namespace clipq {
namespace {

/// Names for the data set's labels: the file given; else CLIP_benchmark's, which are ImageNet's;
/// else the data set's own keys with blanks for underscores, as OpenAI's prompts have them.
std::vector<std::string> class_names_for(const Dataset& dataset,
                                         const std::filesystem::path& file) {
  std::vector<std::string> names = dataset.class_keys();
  const std::size_t classes = names.size();
  if (!file.empty()) {
    names = read_class_names(file, dataset.name());
  } else if (dataset.name() == "imagenet1k") {
    names = builtin_class_names(dataset.name());
  } else {
    for (std::string& name : names) std::replace(name.begin(), name.end(), '_', ' ');
  }
  if (classes > 0 && names.size() != classes) {
    throw UsageError(cat(dataset.spec(), " has ", classes, " classes, but there are ", names.size(),
                         " class names; give one for each, in label order, with --classnames"));
  }
  return names;
}

PromptEnsemble prompts_for(const Dataset& dataset, const EvalOptions& options) {
  return {class_names_for(dataset, options.classnames),
          options.templates.empty() ? builtin_templates(dataset.name())
                                    : read_templates(options.templates, dataset.name())};
}

std::unique_ptr<Dataset> open_labelled(const EvalOptions& options) {
  if (starts_with(options.data, "coco:") || starts_with(options.data, "images:")) {
    throw UsageError(cat(options.task, " needs labels, and ", options.data, " has none; give ",
                         "cifar100:, cifar10: or imagefolder:"));
  }
  return open_dataset(options.data);
}

std::optional<CalibrationInfo> calibration_of(const OpenedModel& opened) {
  if (!opened.quantization || opened.quantization->calibration.is_null()) return std::nullopt;
  const Json& calibration = opened.quantization->calibration;
  if (calibration.value("used_for", "") == "diagnosis") return std::nullopt;
  return CalibrationInfo{calibration.value("spec", ""), calibration.value("samples", 0)};
}

Result classification_result(const std::filesystem::path& file, const Dataset& dataset,
                             const std::string& dataset_hash, const PromptEnsemble& prompts,
                             const EvalOptions& options) {
  const OpenedModel opened = open_model(file, options.model);
  const std::int64_t items = items_within(options.limit, dataset);
  const ClassificationMetrics metrics =
      classify_zeroshot(opened.model, opened.tokenizer, dataset, prompts, options.limit,
                        {options.batch_size, options.decode_threads});
  Result result;
  result.task = options.task;
  result.model = opened.info;
  result.data = DataInfo{options.data, items, dataset_hash,
                         static_cast<std::int64_t>(prompts.templates.size())};
  result.metrics = {{"acc1", metrics.acc1},
                    {"acc5", metrics.acc5},
                    {"mean_per_class_recall", metrics.mean_per_class_recall}};
  result.calibration = calibration_of(opened);
  result.settings = {{"batch_size", options.batch_size}};
  result.environment = current_environment();
  return result;
}

}  // namespace

std::vector<std::pair<std::string, std::string>> tasks() {
  return {
      {"zeroshot_classification", "top-1, top-5 and mean per-class recall by prompt ensembles"}};
}

std::vector<Result> evaluate(const EvalOptions& options) {
  std::vector<std::string> names;
  for (const auto& [name, comment] : tasks()) names.push_back(name);
  if (std::find(names.begin(), names.end(), options.task) == names.end()) {
    throw UsageError(cat("unknown task \"", options.task, "\"", suggestion(options.task, names)));
  }
  const auto dataset = open_labelled(options);
  const PromptEnsemble prompts = prompts_for(*dataset, options);
  const std::string hash = dataset->content_hash();
  std::vector<Result> results;
  for (const std::filesystem::path& file : options.models) {
    results.push_back(classification_result(file, *dataset, hash, prompts, options));
  }
  return results;
}

}  // namespace clipq
