#include "clipq/app/bench_command.h"

#include "clipq/core/error.h"
#include "clipq/core/files.h"
#include "clipq/core/strings.h"
#include "subcommands.h"

namespace clipq::cli {

void add_bench(CLI::App& app, const CommonOptions& common) {
  auto* command = app.add_subcommand("bench", "time models, interleaved, the first as baseline");
  auto options = std::make_shared<BenchOptions>();
  auto model = std::make_shared<ModelArguments>();
  auto output = std::make_shared<std::string>();
  auto tower = std::make_shared<std::string>("both");
  command->add_option("models", options->models, "checkpoints or artifacts")->required();
  command->add_option("--tower", *tower, "image, text or both")
      ->check(CLI::IsMember({"image", "text", "both"}))
      ->capture_default_str();
  command->add_option("--batch-size", options->latency.batch_sizes, "batch sizes, comma-separated")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->allow_extra_args(false)
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  command->add_option("--warm-up", options->latency.warm_up, "runs before times count")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  command
      ->add_option("--seconds", options->latency.seconds,
                   "time to spend per model, tower and batch size (10 to 100 runs)")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  command->add_option("-o,--output", *output, "Result JSON to write");
  add_model_arguments(*command, *model);
  command->callback([options, model, output, tower, &common] {
    if (!output->empty()) require_writable_target(*output);
    options->model = model->options();
    options->latency.image = *tower != "text";
    options->latency.text = *tower != "image";
    print_results(bench(*options), common, *output);
  });
}

}  // namespace clipq::cli
