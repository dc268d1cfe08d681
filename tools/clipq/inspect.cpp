#include <iostream>

#include "clipq/app/inspect_command.h"
#include "subcommands.h"

namespace clipq::cli {

void add_inspect(CLI::App& app, const CommonOptions& common) {
  auto* command = app.add_subcommand("inspect", "describe a checkpoint or an artifact");
  auto file = std::make_shared<std::string>();
  auto model = std::make_shared<ModelArguments>();
  add_models_argument(*command, "model", *file, "checkpoint or artifact");
  add_model_arguments(*command, *model);
  add_checkpoint_settings(*command, *model);
  command->callback([file, model, &common] {
    ModelOptions options = model->options();
    const Inspection inspection = inspect(*file, options);
    std::cout << (common.json ? json_text(inspection.json) : inspection.text);
  });
}

}  // namespace clipq::cli
