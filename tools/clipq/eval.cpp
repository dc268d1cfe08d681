#include "clipq/app/eval_command.h"

#include <iostream>

#include "clipq/core/error.h"
#include "clipq/core/files.h"
#include "clipq/core/strings.h"
#include "clipq/report/per_class_table.h"
#include "number_checks.h"
#include "subcommands.h"

namespace clipq::cli {
namespace {

/// The options as given on the command line.
struct EvalArguments {
  EvalOptions options;
  ModelArguments model;
  std::string classes = "all";
  std::string probe_features = "embedding";
  CacheArguments cache;
  std::string output;
};

void add_data_options(CLI::App& command, EvalArguments& arguments) {
  EvalOptions& options = arguments.options;
  command.add_option("--data", options.data, "data set, kind:path (clipq list datasets)")
      ->type_name(kSpecType)
      ->required();
  command
      .add_option("--captions", options.captions,
                  "captions of coco: or flickr: images, or COCO's instances")
      ->type_name(kFileType);
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

void add_task_options(CLI::App& command, EvalArguments& arguments) {
  TaskOptions& options = arguments.options.task_options;
  command.add_option("--task", arguments.options.task, "what to measure (clipq list tasks)")
      ->type_name("TASK")
      ->capture_default_str();
  command
      .add_option("--classnames", options.classnames,
                  "class names: a text file with one name per line, a JSON list, CLIP_benchmark's "
                  "object keyed by data set, or names keyed by class")
      ->type_name(kFileType);
  command
      .add_option("--templates", options.templates,
                  "prompt templates: a set (clipq list templates), or a file: JSON, or one "
                  "template per line")
      ->type_name("TEMPLATES")
      ->capture_default_str();
  command
      .add_option("--classes", arguments.classes,
                  "classify among all named classes, or only those present in the data")
      ->type_name("{all,present}")
      ->capture_default_str();
  command.add_flag("--per-class", options.per_class, "also print a per-class table");
  command.add_option("--recall-k", options.recall_k, "list lengths of retrieval recall")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->check(whole_number(1, kMostItems))
      ->capture_default_str();
  command.add_option("--pairs", options.map_pairs, "pairs of drift's similarity map")
      ->check(whole_number(0, 1000))
      ->capture_default_str();
}

void add_probe_options(CLI::App& command, EvalArguments& arguments) {
  TaskOptions& options = arguments.options.task_options;
  command
      .add_option("--train-data", options.train_data,
                  "linear probe: data set to train on (default: the training split of --data)")
      ->type_name(kSpecType);
  command
      .add_option("--train-limit", options.train_limit,
                  "linear probe: only the first N training items")
      ->check(whole_number(1, kMostItems));
  command
      .add_option("--probe-features", arguments.probe_features,
                  "linear probe: embedding, or pooled (before the projection)")
      ->type_name("{embedding,pooled}")
      ->capture_default_str();
  auto* c = command
                .add_option("--probe-c", options.probe_c,
                            "linear probe: inverse of the regularization strength")
                ->check(number_above_zero())
                ->capture_default_str();
  command
      .add_option("--probe-iterations", options.probe_iterations,
                  "linear probe: maximum number of L-BFGS iterations")
      ->check(whole_number(1, kMostItems))
      ->capture_default_str();
  command
      .add_option("--probe-tolerance", options.probe_tolerance,
                  "linear probe: largest gradient component at which the fit counts as converged")
      ->check(number_above_zero())
      ->capture_default_str();
  command
      .add_flag("--probe-sweep", options.probe_sweep,
                "linear probe: choose C on a fifth of the training items")
      ->excludes(c);
}

EvalOptions options_of(const EvalArguments& arguments, const CommonOptions& common) {
  EvalOptions options = arguments.options;
  options.model = arguments.model.options();
  options.decode_threads = decode_threads(common);
  options.cache = arguments.cache.folder();
  options.task_options.classes = parse_class_choice(arguments.classes, "--classes");
  options.task_options.probe_feature =
      parse_image_feature(arguments.probe_features, "--probe-features");
  return options;
}

}  // namespace

void add_eval(CLI::App& app, const CommonOptions& common) {
  auto* command =
      app.add_subcommand("eval", "measure the accuracy of models; the first is the baseline");
  auto arguments = std::make_shared<EvalArguments>();
  command->add_option("models", arguments->options.models, "checkpoints or artifacts")
      ->type_name(kFileType)
      ->required();
  add_task_options(*command, *arguments);
  add_data_options(*command, *arguments);
  add_probe_options(*command, *arguments);
  command->add_option("-o,--output", arguments->output, "Result JSON to write")
      ->type_name(kFileType);
  command
      ->add_option("--clip-benchmark", arguments->options.clip_benchmark,
                   "folder to write CLIP_benchmark's JSON files to, one per model")
      ->type_name(kFolderType);
  add_model_arguments(*command, arguments->model);
  command->callback([arguments, &common] {
    if (!arguments->output.empty()) require_writable_target(arguments->output);
    const std::vector<Result> results = evaluate(options_of(*arguments, common));
    print_results(results, common, arguments->output);
    if (!common.json) std::cout << per_class_table(results);
  });
}

}  // namespace clipq::cli
