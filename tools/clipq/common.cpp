#include <algorithm>
#include <cctype>
#include <iostream>
#include <string_view>
#include <thread>

#include "clipq/bench/latency.h"
#include "clipq/checkpoint/checkpoint_document.h"
#include "clipq/core/error.h"
#include "clipq/core/files.h"
#include "clipq/core/json.h"
#include "clipq/core/parse_number.h"
#include "clipq/core/strings.h"
#include "clipq/kernels/attention_path.h"
#include "clipq/kernels/integer_path.h"
#include "clipq/report/result_table.h"
#include "number_checks.h"
#include "recipe_habits.h"
#include "subcommands.h"

namespace clipq::cli {
namespace {

/// The argument, quoted if a shell would interpret it otherwise.
std::string shell_word(const std::string& argument) {
  const auto is_plain = [](unsigned char c) {
    return std::isalnum(c) != 0 ||
           std::string_view("_-./,:=+@%").find(static_cast<char>(c)) != std::string_view::npos;
  };
  if (!argument.empty() && std::all_of(argument.begin(), argument.end(), is_plain)) return argument;
  std::string quoted = "'";
  for (const char c : argument) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return quoted + "'";
}

std::int64_t parse_heads(const std::string& text, const std::string& where) {
  const auto heads = parse_number<std::int64_t>(text);
  if (heads && *heads > 0) return *heads;
  throw UsageError(cat(where, ": \"", text, "\" is not a positive integer"));
}

constexpr std::string_view kCheckpointPrefix = "checkpoint.";

/// The keys of a clipq_checkpoint.json from "checkpoint.KEY=VALUE". Values are JSON, or texts
/// without quotes.
Json checkpoint_document(const std::vector<std::string>& settings) {
  Json document = Json::object();
  for (const std::string& setting : settings) {
    const std::size_t equals = setting.find('=');
    if (!setting.starts_with(kCheckpointPrefix) || equals == std::string::npos ||
        equals == kCheckpointPrefix.size()) {
      throw UsageError(cat("--set ", setting, ": expected checkpoint.KEY=VALUE"));
    }
    const std::string value = setting.substr(equals + 1);
    document[setting.substr(kCheckpointPrefix.size(), equals - kCheckpointPrefix.size())] =
        json_or_text(value);
  }
  require_valid_document(document, "--set checkpoint");
  return document;
}

}  // namespace

ModelOptions ModelArguments::options() const {
  ModelOptions options;
  options.checkpoint.parity = parse_parity_mode(parity, "--parity");
  SettingChoices& settings = options.checkpoint.settings;
  if (!activation.empty()) {
    settings.activation =
        parse_tower_choice<Activation>(activation, "--activation", parse_activation);
  }
  if (!heads.empty()) {
    settings.heads = parse_tower_choice<std::int64_t>(heads, "--heads", parse_heads);
  }
  options.checkpoint.document = checkpoint_document(overrides);
  options.bpe = bpe;
  if (mode != "native" && mode != "simulate") {
    throw UsageError(cat("--mode ", mode, ": expected native or simulate"));
  }
  options.simulate = mode == "simulate";
  if (kernels != "auto") {
    options.kernels = &find_kernel_path(kernels, "--kernels");
    if (options.simulate) throw UsageError("--kernels has no effect with --mode simulate");
  }
  if (attention != "auto") {
    options.attention = &find_attention_path(attention, "--attention");
    if (options.simulate) throw UsageError("--attention has no effect with --mode simulate");
  }
  return options;
}

void add_checkpoint_arguments(CLI::App& command, ModelArguments& arguments) {
  command
      .add_option("--activation", arguments.activation,
                  "MLP activation of a checkpoint: quick_gelu, gelu or gelu_tanh for both towers, "
                  "or image=gelu,text=quick_gelu (default: determined from the checkpoint)")
      ->type_name("{quick_gelu,gelu,gelu_tanh}");
  command
      .add_option("--heads", arguments.heads,
                  "attention heads of a checkpoint's towers, as in image=16,text=12 (default: "
                  "determined from the checkpoint)")
      ->type_name("HEADS");
  command
      .add_option("--parity", arguments.parity,
                  "how a checkpoint is compared with the output of its own code: sandbox, in a "
                  "process that can't write files, open sockets or start programs; run, with your "
                  "privileges; or skip")
      ->type_name("{sandbox,run,skip}")
      ->capture_default_str();
  command
      .add_option("--bpe", arguments.bpe,
                  "the tokenizer: merges, plain or gzip, a tokenizer.json or a SentencePiece model "
                  "(default: the model's own, else OpenAI's)")
      ->type_name(kFileType);
}

void take_checkpoint_settings(std::vector<std::string>& overrides, ModelArguments& arguments) {
  const auto rest = std::stable_partition(
      overrides.begin(), overrides.end(),
      [](const std::string& each) { return !each.starts_with(kCheckpointPrefix); });
  arguments.overrides.assign(rest, overrides.end());
  overrides.erase(rest, overrides.end());
}

void add_checkpoint_settings(CLI::App& command, ModelArguments& arguments) {
  command
      .add_option("--set", arguments.overrides,
                  "set a key of a checkpoint's clipq_checkpoint.json, as in "
                  "checkpoint.vision_heads=16; may be repeated")
      ->type_name(kSettingType)
      ->allow_extra_args(false);
}

void add_model_arguments(CLI::App& command, ModelArguments& arguments) {
  add_checkpoint_arguments(command, arguments);
  command
      .add_option("--mode", arguments.mode,
                  "native: kernels that work on the quantized codes; simulate: the float32 "
                  "reference numerics")
      ->type_name("{native,simulate}")
      ->capture_default_str();
  command
      .add_option("--kernels", arguments.kernels,
                  "native: auto (the fastest on this machine for each shape), or one of `clipq "
                  "list kernels`")
      ->type_name("KERNELS")
      ->capture_default_str();
  command
      .add_option("--attention", arguments.attention,
                  "native: auto (the fastest on this machine), or one of `clipq list attention`; "
                  "doesn't apply to quantized attention")
      ->type_name("ATTENTION")
      ->capture_default_str();
}

void add_calibration_options(CLI::App& command, CalibrationChoice& choice,
                             const std::string& samples) {
  command.add_option("--component", choice.component, "tower to quantize: image, text or both")
      ->type_name("{image,text,both}")
      ->capture_default_str();
  command
      .add_option("--calib-data", choice.calibration_data,
                  "calibration data, kind:path (clipq list datasets)")
      ->type_name(kSpecType);
  command.add_option("--calib-captions", choice.calibration_captions, "captions of --calib-data")
      ->type_name(kFileType);
  command
      .add_option("--calib-samples", choice.calibration_samples,
                  cat("image-caption pairs to calibrate on (default: ", samples, ")"))
      ->check(whole_number(1, kMostItems));
}

void add_recipe_options(CLI::App& command, RecipeChoice& choice) {
  command.add_option("--recipe", choice.recipe, "recipe name (clipq list recipes) or JSON file")
      ->type_name("RECIPE")
      ->capture_default_str();
  add_recipe_habits(command);
  add_calibration_options(command, choice, "the recipe's");
  command
      .add_option("--set", choice.overrides,
                  "override the recipe: calibration.KEY=VALUE, algorithms.NAME.OPTION=VALUE, or "
                  "GLOB.ATTRIBUTE=VALUE as in '*.weight_quantizer.bits=8'; or set a key of the "
                  "checkpoint's clipq_checkpoint.json: checkpoint.KEY=VALUE; may be repeated")
      ->type_name(kSettingType)
      ->allow_extra_args(false);
}

void add_timeout_option(CLI::App& command, double& seconds) {
  command
      .add_option("--timeout", seconds,
                  "seconds to wait for the other processes that torchrun or srun has started")
      ->capture_default_str()
      ->check(number_above_zero());
}

void add_skip_bad_option(CLI::App& command, std::int64_t& skip_bad) {
  command.add_option("--skip-bad", skip_bad, "skip up to N undecodable images")
      ->check(whole_number(0, kMostItems))
      ->capture_default_str();
}

void add_feeding_options(CLI::App& command, std::int64_t& batch_size, std::int64_t& skip_bad) {
  add_skip_bad_option(command, skip_bad);
  command.add_option("-b,--batch-size", batch_size, "items per batch")
      ->check(whole_number(1, kLargestBatch))
      ->capture_default_str();
}

CacheArguments::CacheArguments() : cache(FeatureCache::default_folder().string()) {}

void add_cache_options(CLI::App& command, CacheArguments& arguments) {
  command.add_option("--cache", arguments.cache, "feature cache folder")
      ->type_name(kFolderType)
      ->capture_default_str();
  command.add_flag("--no-cache", arguments.no_cache, "compute all features, and don't cache them");
}

std::string command_line(int argc, char** argv) {
  std::vector<std::string> words{"clipq"};
  for (int i = 1; i < argc; ++i) words.push_back(shell_word(argv[i]));
  return join(words, " ");
}

void add_evaluated_data(CLI::App& command, std::string& data, std::filesystem::path& captions) {
  command.add_option("--data", data, "data set, kind:path (clipq list datasets)")
      ->type_name(kSpecType)
      ->required();
  command
      .add_option("--captions", captions,
                  "captions of coco: or flickr: images, or COCO's instances")
      ->type_name(kFileType);
}

void print_results(std::vector<Result> results, const CommonOptions& common,
                   const std::string& output) {
  const std::string text = common.json ? "" : result_table(results);
  print_results(std::move(results), common, output, text);
}

void print_results(std::vector<Result> results, const CommonOptions& common,
                   const std::string& output, const std::string& text) {
  for (Result& result : results) {
    if (result.environment) result.environment->command = common.command;
  }
  const std::string document = json_text(results_document(results));
  std::cout << (common.json ? document : text) << std::flush;
  if (!output.empty()) write_file(output, document);
}

int decode_threads(const CommonOptions& common) {
  return common.threads > 0 ? common.threads
                            : std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

}  // namespace clipq::cli
