#include "clipq/app/run_command.h"

#include <iostream>

#include "clipq/core/memory.h"
#include "clipq/report/bench_table.h"
#include "clipq/report/headline.h"
#include "clipq/report/result_table.h"
#include "subcommands.h"

namespace clipq::cli {
namespace {

/// The command line without --resume and --restart.
std::string from_the_beginning(std::string command) {
  for (const std::string word : {" --resume", " --restart"}) {
    const std::size_t found = command.find(word);
    if (found != std::string::npos) command.erase(found, word.size());
  }
  return command;
}

/// The options as given on the command line.
struct RunArguments {
  RunOptions options;
  ModelArguments model;
  CacheArguments cache;
  bool resume = false;
  bool restart = false;
};

void run_and_print(const RunArguments& arguments, const CommonOptions& common) {
  RunOptions options = arguments.options;
  ModelArguments model = arguments.model;
  take_checkpoint_settings(options.settings, model);
  options.model = model.options();
  options.cache = arguments.cache.folder();
  options.decode_threads = decode_threads(common);
  options.command = from_the_beginning(common.command);
  if (arguments.resume) options.earlier = EarlierRun::kResume;
  if (arguments.restart) options.earlier = EarlierRun::kRestart;
  return_large_blocks_to_system();
  print_run(run(options), options.folder, common);
}

}  // namespace

void print_run(const RunReport& report, const std::filesystem::path& folder,
               const CommonOptions& common) {
  if (common.json) {
    std::cout << json_text(to_json(report));
  } else {
    std::cout << result_table(headline_results(report.results)) << "\n"
              << bench_table(report.results);
    for (const ComparisonReport& each : report.gates) std::cout << "\n" << gate_lines(each);
    const bool reported = !report.results.empty();
    std::cout << "\nModels" << (reported ? ", results.json and report.html" : " and results.json")
              << " are in " << folder.string() << "\n";
  }
  std::cout << std::flush;
  report.require_success();
}

void add_run(CLI::App& app, const CommonOptions& common) {
  auto* command = app.add_subcommand(
      "run", "quantize, evaluate and time as specified in a run file; writes models and a report");
  auto arguments = std::make_shared<RunArguments>();
  RunOptions& options = arguments->options;
  command->add_option("run", options.run, "run name (clipq list runs) or JSON file")
      ->type_name("RUN")
      ->required();
  command
      ->add_option("--set", options.settings,
                   "NAME=PATH: where a checkpoint is; data.NAME=PATH (also data.NAME.captions, "
                   ".classnames, .templates, .train): where data are; KEY=VALUE: override a value "
                   "of the run file, as in bench.seconds=1; checkpoint.KEY=VALUE: set a key of "
                   "the checkpoints' clipq_checkpoint.json; may be repeated")
      ->type_name(kSettingType)
      ->allow_extra_args(false);
  command->add_option("-o,--output", options.folder, "folder for models, results and report")
      ->type_name(kFolderType)
      ->required();
  auto* resume = command->add_flag(
      "--resume", arguments->resume,
      "continue the run in the folder: finished items made from the same inputs are kept");
  command
      ->add_flag("--restart", arguments->restart,
                 "redo everything in a folder that already holds a run")
      ->excludes(resume);
  add_feeding_options(*command, options.batch_size, options.skip_bad);
  add_cache_options(*command, arguments->cache);
  add_model_arguments(*command, arguments->model);
  command->callback([arguments, &common] { run_and_print(*arguments, common); });
}

}  // namespace clipq::cli
