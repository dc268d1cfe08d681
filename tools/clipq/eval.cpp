#include "clipq/app/eval_command.h"

#include <iostream>

#include "clipq/app/rank_session.h"
#include "clipq/app/worker_share.h"
#include "clipq/core/files.h"
#include "clipq/report/index_table.h"
#include "clipq/report/per_class_table.h"
#include "number_checks.h"
#include "subcommands.h"
#include "task_arguments.h"

namespace clipq::cli {
namespace {

/// The options as given on the command line.
struct EvalArguments {
  EvalOptions options;
  ModelArguments model;
  CacheArguments cache;
  double rank_timeout = kRankTimeout;
  std::string output;
};

void add_data_options(CLI::App& command, EvalArguments& arguments) {
  EvalOptions& options = arguments.options;
  add_evaluated_data(command, options.data, options.captions);
  command
      .add_option("--limit", options.limit,
                  "only the first N items (for class folders, those of the first classes); default "
                  "for layers: 64")
      ->check(whole_number(1, kMostItems));
  add_feeding_options(command, options.batch_size, options.skip_bad);
  add_cache_options(command, arguments.cache);
  command
      .add_option("--save-features", options.save_folder,
                  "also write every model's features to this folder, as .npy")
      ->type_name(kFolderType);
}

EvalOptions options_of(const EvalArguments& arguments, const CommonOptions& common) {
  EvalOptions options = arguments.options;
  options.model = arguments.model.options();
  options.decode_threads = decode_threads(common);
  options.cache = arguments.cache.folder();
  return options;
}

void print_part(const RankExchange& ranks, const CommonOptions& common) {
  if (common.json) {
    std::cout << json_text({{"rank", ranks.rank()}, {"ranks", ranks.count()}});
  } else {
    std::cout << "rank " << ranks.rank() << " of " << ranks.count()
              << ": done; rank 0 has the results\n";
  }
}

void run(const EvalArguments& arguments, const CommonOptions& common, const RankExchange* ranks) {
  if (leads(ranks) && !arguments.output.empty()) require_writable_target(arguments.output);
  const std::vector<Result> results = evaluate(options_of(arguments, common), ranks);
  if (leads(ranks)) {
    print_results(results, common, arguments.output);
    if (!common.json) std::cout << per_class_table(results) << index_table(results);
  } else {
    print_part(*ranks, common);
  }
  if (ranks != nullptr) ranks->leave();
}

}  // namespace

void add_eval(CLI::App& app, const CommonOptions& common) {
  auto* command =
      app.add_subcommand("eval", "measure the accuracy of models; the first is the baseline");
  auto arguments = std::make_shared<EvalArguments>();
  add_models_argument(*command, "models", arguments->options.models, "checkpoints or artifacts");
  command->add_option("--task", arguments->options.task, "what to measure (clipq list tasks)")
      ->type_name("TASK")
      ->capture_default_str();
  add_data_options(*command, *arguments);
  add_task_options(*command, arguments->options.task_options, tasks());
  command->add_option("-o,--output", arguments->output, "Result JSON to write")
      ->type_name(kFileType);
  command
      ->add_option("--clip-benchmark", arguments->options.clip_benchmark,
                   "folder to write CLIP_benchmark's JSON files to, one per model")
      ->type_name(kFolderType);
  add_timeout_option(*command, arguments->rank_timeout);
  add_model_arguments(*command, arguments->model);
  add_checkpoint_settings(*command, arguments->model);
  command->callback([arguments, command, &common] {
    require_options_of_task(*command, arguments->options.task);
    with_ranks(rank_place(), arguments->rank_timeout,
               [&](const RankExchange* ranks) { run(*arguments, common, ranks); });
  });
}

}  // namespace clipq::cli
