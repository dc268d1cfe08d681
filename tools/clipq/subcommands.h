#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <string>

#include "clipq/app/recipe_choice.h"
#include "clipq/app/run_command.h"
#include "clipq/core/strings.h"
#include "clipq/library/open_model.h"

namespace clipq::cli {

/// What every subcommand shares.
struct CommonOptions {
  bool json = false;
  bool quiet = false;
  bool verbose = false;
  std::string log_file;
  int threads = 0;      ///< 0: LibTorch's default
  std::string command;  ///< the whole command line, as a shell would take it
};

/// Each adds its subcommand to `app`; its callback runs the command and prints the result.
void add_quantize(CLI::App& app, const CommonOptions& common);
void add_eval(CLI::App& app, const CommonOptions& common);
void add_embed(CLI::App& app, const CommonOptions& common);
void add_sensitivity(CLI::App& app, const CommonOptions& common);
void add_search(CLI::App& app, const CommonOptions& common);
void add_export(CLI::App& app, const CommonOptions& common);
void add_bench(CLI::App& app, const CommonOptions& common);
void add_classify(CLI::App& app, const CommonOptions& common);
void add_compare(CLI::App& app, const CommonOptions& common);
void add_report(CLI::App& app, const CommonOptions& common);
void add_inspect(CLI::App& app, const CommonOptions& common);
void add_run(CLI::App& app, const CommonOptions& common);
void add_demo(CLI::App& app, const CommonOptions& common);
void add_list(CLI::App& app, const CommonOptions& common);
void add_doctor(CLI::App& app, const CommonOptions& common);

/// Adds the one that makes shells complete words: from what `app` has when it runs.
void add_completion(CLI::App& app);

/// Type names of options, shown in --help and used by shell completion. A type "{a,b}" is a choice,
/// one that listed_names() knows is too.
inline constexpr const char* kFileType = "FILE";
inline constexpr const char* kFolderType = "FOLDER";
inline constexpr const char* kSpecType = "KIND:PATH";
inline constexpr const char* kSettingType = "KEY=VALUE";

/// Names that `clipq list` shows, by the type of the options that take them ("RECIPE").
struct ListedNames {
  std::vector<std::string> names;
  bool or_file = false;  ///< whether a file's path does as well
};
ListedNames listed_names(const std::string& type);

/// Adds the argument that takes checkpoints or artifacts, and -m/--model, which takes one anywhere
/// on the command line.
/// @param models a file, or a list of files
template <typename Files>
void add_models_argument(CLI::App& command, const std::string& name, Files& models,
                         const std::string& help) {
  auto* argument = command.add_option(name, models, help)->type_name(kFileType)->required();
  command
      .add_option_function<std::string>(
          "-m,--model", [argument](const std::string& file) { argument->add_result(file); },
          cat("same as the argument ", name))
      ->type_name(kFileType)
      ->trigger_on_parse();
}

/// The command-line side of ModelOptions.
struct ModelArguments {
  std::string activation;
  std::string heads;
  std::vector<std::string> overrides;  ///< "checkpoint.KEY=VALUE"
  std::string parity = "sandbox";
  std::string bpe;
  std::string mode = "native";
  std::string kernels = "auto";
  std::string attention = "auto";

  ModelOptions options() const;
};

/// What help calls the argument of commands that quantize.
inline constexpr const char* kCheckpointHelp =
    "CLIP checkpoint: a TorchScript archive, safetensors, torch.save, or a folder";

/// Adds --component and the options of calibration data.
/// @param samples how many there are by default
void add_calibration_options(CLI::App& command, CalibrationChoice& choice,
                             const std::string& samples);

/// Adds those, --recipe and --set: for commands that quantize.
void add_recipe_options(CLI::App& command, RecipeChoice& choice);

/// Adds --data and --captions: for commands that evaluate.
void add_evaluated_data(CLI::App& command, std::string& data, std::filesystem::path& captions);

/// Adds --activation, --heads, --parity and --bpe: for commands that read checkpoints.
void add_checkpoint_arguments(CLI::App& command, ModelArguments& arguments);

/// Moves the settings of checkpoints, "checkpoint.KEY=VALUE", out of a command's own --set.
void take_checkpoint_settings(std::vector<std::string>& overrides, ModelArguments& arguments);

/// Adds --set, for commands that have none of their own.
void add_checkpoint_settings(CLI::App& command, ModelArguments& arguments);

/// Adds those of add_checkpoint_arguments, --mode, --kernels and --attention: for commands that run
/// models.
void add_model_arguments(CLI::App& command, ModelArguments& arguments);

/// --skip-bad.
void add_skip_bad_option(CLI::App& command, std::int64_t& skip_bad);

/// --timeout, of commands whose work a launcher's processes share.
void add_timeout_option(CLI::App& command, double& seconds);

/// Adds --batch-size and --skip-bad: for commands that feed images to models.
void add_feeding_options(CLI::App& command, std::int64_t& batch_size, std::int64_t& skip_bad);

/// The command-line side of the feature cache's folder.
struct CacheArguments {
  std::string cache;
  bool no_cache = false;

  CacheArguments();
  std::filesystem::path folder() const { return no_cache ? "" : cache; }
};

/// Adds --cache and --no-cache.
void add_cache_options(CLI::App& command, CacheArguments& arguments);

/// "clipq eval clip.pt --data 'cifar100:my data'".
std::string command_line(int argc, char** argv);

/// Prints Results, each with the command line, as a table or, with --json, as a document; writes
/// `output` if it isn't empty.
void print_results(std::vector<Result> results, const CommonOptions& common,
                   const std::string& output);

/// The same with another table, `text`.
void print_results(std::vector<Result> results, const CommonOptions& common,
                   const std::string& output, const std::string& text);

/// Prints what a run has made; `folder` is where it is. Throws as RunReport::require_success().
void print_run(const RunReport& report, const std::filesystem::path& folder,
               const CommonOptions& common);

/// How many threads decode images beside the model.
int decode_threads(const CommonOptions& common);

}  // namespace clipq::cli
