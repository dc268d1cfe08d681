#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <string>

#include "clipq/app/open_model.h"

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
void add_bench(CLI::App& app, const CommonOptions& common);
void add_compare(CLI::App& app, const CommonOptions& common);
void add_report(CLI::App& app, const CommonOptions& common);
void add_inspect(CLI::App& app, const CommonOptions& common);
void add_run(CLI::App& app, const CommonOptions& common);
void add_demo(CLI::App& app, const CommonOptions& common);
void add_list(CLI::App& app, const CommonOptions& common);
void add_doctor(CLI::App& app, const CommonOptions& common);

/// The command-line side of ModelOptions.
struct ModelArguments {
  std::string activation;
  std::string bpe;
  std::string mode = "native";
  std::string kernels = "auto";

  ModelOptions options() const;
};

/// Adds --activation and --bpe: for commands that read checkpoints.
void add_checkpoint_arguments(CLI::App& command, ModelArguments& arguments);

/// Adds --activation, --bpe, --mode and --kernels: for commands that run models.
void add_model_arguments(CLI::App& command, ModelArguments& arguments);

/// Adds --batch-size and --skip-bad: for commands that feed pictures to models.
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

/// How many threads decode images beside the model.
int decode_threads(const CommonOptions& common);

}  // namespace clipq::cli
