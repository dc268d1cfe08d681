#include <iostream>

#include "clipq/app/classify_command.h"
#include "clipq/core/error.h"
#include "clipq/core/strings.h"
#include "clipq/core/text_file.h"
#include "number_checks.h"
#include "subcommands.h"

namespace clipq::cli {
namespace {

/// The options as given on the command line.
struct ClassifyArguments {
  ClassifyOptions options;
  ModelArguments model;
  std::string model_file;  ///< of -m
  std::string labels;
  std::string labels_file;
};

std::vector<std::string> labels_of(const ClassifyArguments& arguments) {
  if (!arguments.labels_file.empty()) {
    std::vector<std::string> lines = read_lines(arguments.labels_file, "labels file");
    std::erase(lines, "");
    return lines;
  }
  std::vector<std::string> labels;
  if (arguments.labels.empty()) return labels;
  for (std::string label : CLI::detail::split(arguments.labels, ',')) {
    labels.push_back(CLI::detail::trim(label));
  }
  return labels;
}

/// With -m all arguments are images; without it the first is the model.
void assign_files(ClassifyOptions& options, const std::string& model_file) {
  if (!model_file.empty()) {
    options.images.insert(options.images.begin(), options.model_file);
    options.model_file = model_file;
  }
  if (options.images.empty()) {
    throw UsageError(cat("classify: no images given for model ", options.model_file.string(),
                         "; list image files after it"));
  }
}

}  // namespace

void add_classify(CLI::App& app, const CommonOptions& common) {
  auto* command = app.add_subcommand("classify", "classify images with given labels: a quick look");
  auto arguments = std::make_shared<ClassifyArguments>();
  ClassifyOptions& options = arguments->options;
  command->add_option("model", options.model_file, "checkpoint or artifact")
      ->type_name(kFileType)
      ->required();
  command->add_option("images", options.images, "image files")->type_name(kFileType);
  command
      ->add_option("-m,--model", arguments->model_file,
                   "checkpoint or artifact; all arguments are then images")
      ->type_name(kFileType);
  auto* labels = command->add_option("--labels", arguments->labels,
                                     "labels, separated by commas: \"a cat,a dog\"");
  command
      ->add_option("--labels-file", arguments->labels_file,
                   "file with one label per line; - reads standard input")
      ->type_name(kFileType)
      ->excludes(labels);
  command
      ->add_option("--templates", options.templates,
                   "insert each label into these prompt templates and average them: a set (clipq "
                   "list templates), or a JSON file (default: the labels as given)")
      ->type_name("TEMPLATES");
  command->add_option("--top", options.top, "number of labels shown per image")
      ->check(whole_number(1, kMostItems))
      ->capture_default_str();
  add_model_arguments(*command, arguments->model);
  add_checkpoint_settings(*command, arguments->model);
  command->callback([arguments, &common] {
    ClassifyOptions chosen = arguments->options;
    assign_files(chosen, arguments->model_file);
    chosen.labels = labels_of(*arguments);
    chosen.model = arguments->model.options();
    const std::vector<ClassifiedImage> images = classify(chosen);
    std::cout << (common.json ? json_text(to_json(images)) : to_text(images)) << std::flush;
    require_classified(images);
  });
}

}  // namespace clipq::cli
