#include "clipq/app/export_command.h"

#include <iostream>

#include "number_checks.h"
#include "subcommands.h"

namespace clipq::cli {
namespace {

/// As they are typed.
struct ExportArguments {
  std::string format = "onnx";
  std::string layout = "plain";
  std::string target = "any";
  std::string verify = "auto";
  std::string dynamic_range = "token";

  void apply(ExportOptions& options) const {
    options.format = parse_export_format(format);
    options.onnx.layout = parse_export_layout(layout);
    options.onnx.target = parse_onnx_target(target);
    options.verify = parse_verify_mode(verify);
    if (dynamic_range != "token" && dynamic_range != "tensor") {
      throw UsageError(cat("--dynamic-range is \"", dynamic_range, "\"; expected token or tensor"));
    }
    options.onnx.per_tensor_ranges = dynamic_range == "tensor";
  }
};

void add_graph_options(CLI::App& command, ExportOptions& options, ExportArguments& arguments) {
  command.add_option("--layout", arguments.layout, "how files are named and what lies beside them")
      ->type_name("{plain,immich,transformers.js}")
      ->capture_default_str();
  command
      .add_option("--target", arguments.target,
                  "runtime that graphs are for: any (standard operators), onnxruntime (its own "
                  "operators where they are faster) or tensorrt")
      ->type_name("{any,onnxruntime,tensorrt}")
      ->capture_default_str();
  command.add_flag("--normalize", options.onnx.normalize, "scale embeddings to length 1");
  command.add_flag("--joint", options.onnx.joint,
                   "one graph with both towers, which also gives logits");
  command
      .add_option("--dynamic-range", arguments.dynamic_range,
                  "of recipes with ranges taken at run time: over a token each, or over the whole "
                  "tensor, which ONNX Runtime has a fused kernel for and which costs accuracy")
      ->type_name("{token,tensor}")
      ->capture_default_str();
  command
      .add_option("--external-data-above", options.onnx.most_inline_bytes,
                  "bytes of weights in a graph beyond which they go into a file of their own")
      ->check(whole_number(0, kMostInlineBytes))
      ->capture_default_str();
}

/// Throws UsageError if an option was given that only graphs have.
void require_none_of_graphs(const CLI::App& command) {
  for (const char* option : {"--layout", "--target", "--normalize", "--joint", "--dynamic-range",
                             "--external-data-above"}) {
    if (command.count(option) == 0) continue;
    throw UsageError(cat(option, " is for --format onnx; a safetensors file has no graph"));
  }
}

}  // namespace

void add_export(CLI::App& app, const CommonOptions& common) {
  auto* command =
      app.add_subcommand("export", "write a model as ONNX for other runtimes, or as safetensors");
  auto options = std::make_shared<ExportOptions>();
  auto model = std::make_shared<ModelArguments>();
  auto arguments = std::make_shared<ExportArguments>();
  add_models_argument(*command, "model", options->model_file, "checkpoint or artifact");
  command
      ->add_option("--format", arguments->format,
                   "onnx: graphs for other runtimes; safetensors: one file that clipq reads back")
      ->type_name("{onnx,safetensors}")
      ->capture_default_str();
  command
      ->add_option("-o,--output", options->output, "folder to write; an earlier export is replaced")
      ->type_name(kFolderType)
      ->required();
  add_graph_options(*command, *options, *arguments);
  command
      ->add_option("--verify", arguments->verify,
                   "run the export in ONNX Runtime and compare embeddings with clipq's: auto (if a "
                   "Python with onnxruntime is found), always or never")
      ->type_name("{auto,always,never}")
      ->capture_default_str();
  add_checkpoint_arguments(*command, *model);
  add_checkpoint_settings(*command, *model);
  command->callback([command, options, model, arguments, &common] {
    arguments->apply(*options);
    options->model = model->options();
    if (options->format == ExportFormat::kSafetensors) require_none_of_graphs(*command);
    const ExportReport report = export_model(*options);
    std::cout << (common.json ? json_text(to_json(report)) : to_text(report));
    report.require_success();
  });
}

}  // namespace clipq::cli
