#include "clipq/app/bench_command.h"

#include "clipq/bench/environment.h"
#include "clipq/eval/prompt_classifier.h"
#include "clipq/text/prompts.h"

namespace clipq {

namespace {

/// ImageNet's first class names in OpenAI's seven templates: prompts of everyday length. Undefined
/// if the model's tokenizer isn't known.
at::Tensor everyday_prompts(const OpenedModel& opened) {
  constexpr std::size_t kClasses = 16;
  if (opened.tokenizer.vocabulary_size() != opened.model.config.vocab_size) return {};
  std::vector<std::string> names = builtin_class_names("imagenet1k");
  names.resize(kClasses);
  const PromptEnsemble ensemble = {names, load_templates("imagenet7", "imagenet1k")};
  return tokens_of(ensemble.prompts(), opened.tokenizer, opened.model.config);
}

}  // namespace

std::vector<Result> bench(const BenchOptions& options) {
  std::vector<OpenedModel> opened;
  std::vector<TimedModel> models;
  opened.reserve(options.models.size());
  for (const std::filesystem::path& file : options.models) {
    opened.push_back(open_model(file, options.model));
    models.push_back({&opened.back().model, everyday_prompts(opened.back())});
  }
  const std::vector<Latencies> latencies = measure_latencies(models, options.latency);
  std::vector<Result> results;
  for (std::size_t i = 0; i < opened.size(); ++i) {
    Result result;
    result.task = "bench";
    result.model = opened[i].info;
    result.latency = latencies[i];
    result.environment = current_environment();
    results.push_back(std::move(result));
  }
  return results;
}

}  // namespace clipq
