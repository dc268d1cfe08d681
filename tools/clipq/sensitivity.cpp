#include "clipq/app/sensitivity_command.h"

#include <iostream>

#include "clipq/core/memory.h"
#include "clipq/eval/sensitivity.h"
#include "clipq/report/sensitivity_table.h"
#include "number_checks.h"
#include "recipe_habits.h"
#include "subcommands.h"
#include "task_arguments.h"

namespace clipq::cli {
namespace {

/// The options as given on the command line.
struct SensitivityArguments {
  SensitivityCommandOptions options;
  ModelArguments model;
  std::string sort = "depth";
};

GroupOrder parse_order(const std::string& sort) {
  if (sort == "depth") return GroupOrder::kDepth;
  if (sort == "effect") return GroupOrder::kEffect;
  throw UsageError(cat("--sort ", sort, ": expected depth or effect"));
}

std::vector<std::string> task_names() {
  std::vector<std::string> names;
  for (const Task& task : tasks_for_sensitivity()) names.push_back(task.name);
  return names;
}

void run(SensitivityArguments& arguments, const CommonOptions& common) {
  const GroupOrder order = parse_order(arguments.sort);
  SensitivityCommandOptions& options = arguments.options;
  take_checkpoint_settings(options.overrides, arguments.model);
  options.model = arguments.model.options();
  options.decode_threads = decode_threads(common);
  return_large_blocks_to_system();
  sensitivity(options, [&](const Result& result) {
    print_results({result}, common, options.output, sensitivity_table(result, order));
  });
}

}  // namespace

void add_sensitivity(CLI::App& app, const CommonOptions& common) {
  auto* command =
      app.add_subcommand("sensitivity", "measure what quantizing each group of layers costs");
  auto arguments = std::make_shared<SensitivityArguments>();
  SensitivityCommandOptions& options = arguments->options;
  add_models_argument(*command, "checkpoint", options.checkpoint, kCheckpointHelp);
  add_recipe_options(*command, options);
  command->add_option("--task", options.task, "what to measure (clipq list tasks)")
      ->type_name(cat("{", join(task_names(), ","), "}"))
      ->capture_default_str();
  add_evaluated_data(*command, options.data, options.captions);
  command
      ->add_option("--limit", options.limit,
                   "only the first N items (for class folders, those of the first classes)")
      ->check(whole_number(1, kMostItems));
  add_feeding_options(*command, options.batch_size, options.skip_bad);
  add_task_options(*command, options.task_options, tasks_for_sensitivity());
  command->add_option("-o,--output", options.output, "Result JSON to write")->type_name(kFileType);
  command->add_flag("--resume", options.resume,
                    "continue an interrupted measurement of the same output");
  command
      ->add_option("--sort", arguments->sort,
                   "order of the table: by depth, or by effect, the most changed decisions first")
      ->type_name("{depth,effect}")
      ->capture_default_str();
  add_checkpoint_arguments(*command, arguments->model);
  command->callback([arguments, command, &common] {
    require_options_of_task(*command, arguments->options.task);
    run(*arguments, common);
  });
}

}  // namespace clipq::cli
