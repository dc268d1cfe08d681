#include "clipq/app/eval_command.h"

#include "clipq/core/files.h"
#include "subcommands.h"

namespace clipq::cli {

void add_eval(CLI::App& app, const CommonOptions& common) {
  auto* command =
      app.add_subcommand("eval", "measure the accuracy of models, the first as baseline");
  auto options = std::make_shared<EvalOptions>();
  auto model = std::make_shared<ModelArguments>();
  auto output = std::make_shared<std::string>();
  command->add_option("models", options->models, "checkpoints or artifacts")->required();
  command->add_option("--task", options->task, "what to measure (clipq list tasks)")
      ->capture_default_str();
  command->add_option("--data", options->data, "data set, kind:path (clipq list datasets)")
      ->required();
  command->add_option("--classnames", options->classnames,
                      "class names: a JSON list, or CLIP_benchmark's object keyed by data set");
  command->add_option("--templates", options->templates,
                      "prompt templates with {c}: a JSON list, or CLIP_benchmark's object");
  command->add_option("--limit", options->limit, "only the first N items")
      ->check(CLI::PositiveNumber);
  command->add_option("--batch-size", options->batch_size, "items a batch")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  command->add_option("-o,--output", *output, "Result JSON to write");
  add_model_arguments(*command, *model);
  command->callback([options, model, output, &common] {
    if (!output->empty()) require_writable_target(*output);
    options->model = model->options();
    options->decode_threads = decode_threads(common);
    print_results(evaluate(*options), common, *output);
  });
}

}  // namespace clipq::cli
