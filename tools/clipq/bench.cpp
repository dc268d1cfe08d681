#include "clipq/app/bench_command.h"

#include <iostream>

#include "clipq/core/error.h"
#include "clipq/core/files.h"
#include "clipq/core/strings.h"
#include "clipq/report/bench_table.h"
#include "number_checks.h"
#include "subcommands.h"

namespace clipq::cli {

namespace {

void answer_requests(const BenchOptions& options) {
  const auto milliseconds_of = bench_on_request(options);
  std::cout << "ready" << std::endl;
  for (std::string request; std::getline(std::cin, request);) {
    std::cout << milliseconds_of(request) << std::endl;
  }
}

/// The tower that --end-to-end times.
std::string image_tower_of(const std::string& tower) {
  if (tower == "text") {
    throw UsageError("--end-to-end embeds images: it can't be combined with --tower text");
  }
  return "image";
}

}  // namespace

void add_bench(CLI::App& app, const CommonOptions& common) {
  auto* command =
      app.add_subcommand("bench", "time models, interleaved; the first is the baseline");
  auto options = std::make_shared<BenchOptions>();
  auto model = std::make_shared<ModelArguments>();
  auto output = std::make_shared<std::string>();
  auto tower = std::make_shared<std::string>("both");
  auto on_request = std::make_shared<bool>(false);
  auto embeds_files = std::make_shared<bool>(false);
  add_models_argument(*command, "models", options->models, "checkpoints or artifacts");
  command->add_option("--tower", *tower, "image, text or both; with --end-to-end image")
      ->check(CLI::IsMember({"image", "text", "both"}))
      ->capture_default_str();
  command
      ->add_option("-b,--batch-size", options->latency.batch_sizes, "batch sizes, comma-separated")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->check(whole_number(1, kLargestBatch))
      ->capture_default_str();
  command->add_option("--warm-up", options->latency.warm_up, "untimed runs before the measurement")
      ->check(whole_number(0, kMostItems))
      ->capture_default_str();
  command
      ->add_option(
          "--seconds", options->latency.seconds,
          "time to spend per model, tower and batch size (10 to 100 runs; of --end-to-end at "
          "least 3 passes over all images)")
      ->check(number_above_zero())
      ->capture_default_str();
  auto* end_to_end =
      command->add_flag("--end-to-end", *embeds_files,
                        "also time the whole way from the files of --images to embeddings");
  auto* images =
      command->add_option("--images", options->images, "folder of images for --end-to-end")
          ->type_name(kFolderType)
          ->needs(end_to_end);
  end_to_end->needs(images);
  command->add_option("--limit", options->image_limit, "only the first N of --images")
      ->check(whole_number(1, kMostItems))
      ->needs(images)
      ->capture_default_str();
  command->add_flag("--profile", options->profile, "also time every layer");
  auto* requests = command->add_flag(
      "--on-request", *on_request,
      "for scripts that alternate with other programs: print \"ready\", then for "
      "each line of stdin such as \"image 32\" run once and print the milliseconds");
  requests->excludes(end_to_end);
  command->add_option("-o,--output", *output, "Result JSON to write")->type_name(kFileType);
  add_model_arguments(*command, *model);
  add_checkpoint_settings(*command, *model);
  command->callback([options, model, output, tower, on_request, embeds_files, &common] {
    if (*on_request) {
      options->model = model->options();
      answer_requests(*options);
      return;
    }
    if (!output->empty()) require_writable_target(*output);
    options->model = model->options();
    if (*embeds_files) *tower = image_tower_of(*tower);
    options->decode_threads = decode_threads(common);
    options->latency.image = *tower != "text";
    options->latency.text = *tower != "image";
    const std::vector<Result> results = bench(*options);
    print_results(results, common, *output);
    if (!common.json) std::cout << "\n" << bench_table(results);
  });
}

}  // namespace clipq::cli
