#include "clipq/app/demo_command.h"

#include <limits>

#include "clipq/core/log.h"
#include "clipq/data/demo_data.h"
#include "number_checks.h"
#include "subcommands.h"

namespace clipq::cli {

void add_demo(CLI::App& app, const CommonOptions& common) {
  auto* command = app.add_subcommand(
      "demo", "the whole workflow on built-in data: generate, quantize, evaluate, time, compare");
  auto options = std::make_shared<DemoOptions>();
  auto draw_only = std::make_shared<bool>(false);
  command->add_option("-o,--output", options->folder, "folder for data, models and results")
      ->type_name(kFolderType)
      ->required();
  command->add_option("--seed", options->seed, "seed of the generated data")
      ->check(whole_number(0, std::numeric_limits<std::int64_t>::max()))
      ->capture_default_str();
  command->add_option("--images-per-class", options->images_per_class, "images per class")
      ->check(whole_number(1, 100'000))
      ->capture_default_str();
  command
      ->add_option("--seconds", options->seconds, "time to spend per model, tower and batch size")
      ->check(number_above_zero())
      ->capture_default_str();
  command->add_flag("--draw-only", *draw_only, "only generate the data set");
  command->callback([options, draw_only, &common] {
    if (*draw_only) {
      draw_demo_data(options->folder, options->seed, options->images_per_class);
      log::info("wrote the data set to " + options->folder.string());
      return;
    }
    options->decode_threads = decode_threads(common);
    options->command = common.command;
    print_run(demo(*options), options->folder, common);
  });
}

}  // namespace clipq::cli
