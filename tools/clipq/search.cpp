#include "clipq/app/search_command.h"

#include <cmath>
#include <iostream>

#include "clipq/bench/latency.h"
#include "clipq/core/memory.h"
#include "clipq/core/parse_number.h"
#include "clipq/eval/sensitivity.h"
#include "clipq/quant/layer_format.h"
#include "clipq/report/search_table.h"
#include "number_checks.h"
#include "subcommands.h"
#include "task_arguments.h"

namespace clipq::cli {
namespace {

/// The options as given on the command line.
struct SearchArguments {
  SearchCommandOptions options;
  ModelArguments model;
  std::vector<std::string> goals;
  std::string minimize = "size";
  std::string budget;
};

/// Seconds of "90s", "30m" or "2h".
double parse_duration(const std::string& text) {
  constexpr double kMinute = 60;
  const char unit = text.empty() ? ' ' : text.back();
  const double factor = unit == 's'   ? 1
                        : unit == 'm' ? kMinute
                        : unit == 'h' ? kMinute * kMinute
                                      : 0;
  const auto count = parse_number<double>(text.substr(0, text.empty() ? 0 : text.size() - 1));
  if (factor == 0 || !count || !std::isfinite(*count) || *count <= 0) {
    throw UsageError(cat("--time-budget ", text, ": expected a time such as 90s, 30m or 2h"));
  }
  return *count * factor;
}

SearchCommandOptions parsed(const SearchArguments& arguments, const CommonOptions& common) {
  SearchCommandOptions options = arguments.options;
  for (const std::string& goal : arguments.goals) options.goals.push_back(parse_goal(goal));
  options.minimize = parse_search_cost(arguments.minimize);
  if (!arguments.budget.empty()) options.budget = parse_duration(arguments.budget);
  options.model = arguments.model.options();
  options.decode_threads = decode_threads(common);
  return options;
}

std::vector<std::string> searched_tasks() {
  std::vector<std::string> names;
  for (const Task& task : tasks_for_sensitivity()) names.push_back(task.name);
  return names;
}

void add_search_options(CLI::App& command, SearchArguments& arguments) {
  SearchCommandOptions& options = arguments.options;
  command
      .add_option("--goal", arguments.goals,
                  "\"METRIC drop <= POINTS\": how many percentage points a metric of the task may "
                  "fall below the float model's; may be repeated, and all must hold")
      ->type_name("GOAL")
      ->allow_extra_args(false)
      ->required();
  command
      .add_option("--minimize", arguments.minimize,
                  "file size, time of a forward pass, or bit operations")
      ->type_name("{size,latency,operations}")
      ->capture_default_str();
  command
      .add_option("--formats", options.formats,
                  cat("formats to choose from for each group of layers, separated by commas: ",
                      join(layer_format_names(), ", "), ", or a recipe's name or JSON file"))
      ->delimiter(',')
      ->type_name("FORMAT")
      ->allow_extra_args(false)
      ->capture_default_str();
  command
      .add_option(
          "--beside", options.beside,
          "other recipes to measure on the held-out data, for comparison, separated by commas")
      ->delimiter(',')
      ->type_name("RECIPE")
      ->allow_extra_args(false);
  command
      .add_option("--latency-batch", options.latency_batch,
                  "batch size that latency is measured at")
      ->check(whole_number(1, kLargestBatch))
      ->capture_default_str();
  command.add_flag("--require-certain", options.require_certain,
                   "a goal is met only if the whole 95 % interval is within it");
  command
      .add_option("--time-budget", arguments.budget,
                  "try nothing more after this time, such as 90s, 30m or 2h")
      ->type_name("TIME");
  command.add_option("--seed", options.seed, "seed of the random division of --data")
      ->capture_default_str();
}

void add_search_data(CLI::App& command, SearchCommandOptions& options) {
  add_evaluated_data(command, options.data, options.captions);
  command
      .add_option("--limit", options.limit,
                  "only the first N items (for class folders, those of the first classes)")
      ->check(whole_number(1, kMostItems));
  command
      .add_option("--held-out-data", options.held_out_data,
                  "data on which the final figures are measured, without any image of --data "
                  "(default: half of --data, which the search doesn't see)")
      ->type_name(kSpecType);
  command
      .add_option("--held-out-captions", options.held_out_captions, "captions of --held-out-data")
      ->type_name(kFileType);
  command
      .add_option("--held-out-limit", options.held_out_limit,
                  "only the first N items of --held-out-data")
      ->check(whole_number(1, kMostItems));
  command
      .add_option("--sensitivity-items", options.sensitivity_items,
                  "items of the search data on which each group is measured alone")
      ->check(whole_number(1, kMostItems))
      ->capture_default_str();
}

void run_search(SearchArguments& arguments, const CommonOptions& common) {
  const SearchCommandOptions options = parsed(arguments, common);
  return_large_blocks_to_system();
  search(options, [&](const Result& result) {
    print_results({result}, common, options.result, search_table(result));
  });
}

}  // namespace

void add_search(CLI::App& app, const CommonOptions& common) {
  auto* command = app.add_subcommand(
      "search",
      "find the recipe that meets an accuracy goal with the least size, time or operations");
  auto arguments = std::make_shared<SearchArguments>();
  SearchCommandOptions& options = arguments->options;
  add_models_argument(*command, "checkpoint", options.checkpoint, kCheckpointHelp);
  add_search_options(*command, *arguments);
  command->add_option("--task", options.task, "what to measure (clipq list tasks)")
      ->type_name(cat("{", join(searched_tasks(), ","), "}"))
      ->capture_default_str();
  add_search_data(*command, options);
  add_feeding_options(*command, options.batch_size, options.skip_bad);
  add_calibration_options(*command, options, "the most that a format asks for");
  add_task_options(*command, options.task_options, tasks_for_sensitivity());
  command->add_option("-o,--output", options.output, "recipe JSON to write")
      ->type_name(kFileType)
      ->required();
  command->add_option("--result", options.result, "Result JSON to write, for clipq report")
      ->type_name(kFileType);
  command->add_flag("--resume", options.resume,
                    "continue an interrupted search of the same output");
  add_model_arguments(*command, arguments->model);
  add_checkpoint_settings(*command, arguments->model);
  command->callback([arguments, command, &common] {
    require_options_of_task(*command, arguments->options.task);
    run_search(*arguments, common);
  });
}

}  // namespace clipq::cli
