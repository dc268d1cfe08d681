#include <iostream>

#include "clipq/app/quantize_command.h"
#include "clipq/core/memory.h"
#include "number_checks.h"
#include "subcommands.h"

namespace clipq::cli {

void add_quantize(CLI::App& app, const CommonOptions& common) {
  auto* command = app.add_subcommand("quantize", "quantize a checkpoint into an artifact");
  auto options = std::make_shared<QuantizeOptions>();
  auto model = std::make_shared<ModelArguments>();
  add_models_argument(*command, "checkpoint", options->checkpoint, kCheckpointHelp);
  add_recipe_options(*command, *options);
  command
      ->add_option("-o,--output", options->output,
                   "artifact to write: a TorchScript archive, or safetensors if its name ends in "
                   ".safetensors; required unless --dry-run")
      ->type_name(kFileType);
  command->add_flag(
      "--dry-run", options->dry_run,
      "show what would be quantized and the resulting size; calibrate and write nothing");
  command->add_flag("--resume", options->resume,
                    "continue an interrupted calibration of the same output");
  command
      ->add_option("--save-every", options->save_seconds,
                   "seconds between saves of the calibration's state")
      ->capture_default_str()
      ->check(number_from_zero());
  command->add_flag("--statistics-only", options->statistics_only,
                    "only gather this worker's part of the calibration's statistics and write them "
                    "to the output, for --merge-statistics");
  command
      ->add_option("--shard", options->shard,
                   "I/N: with --statistics-only, gather part I of N, counted from 0 (default: what "
                   "torchrun, Slurm or Kubernetes say in the environment, or all)")
      ->type_name("I/N");
  command
      ->add_option("--merge-statistics", options->statistics,
                   "calibrate with the statistics that workers have gathered; with "
                   "--statistics-only, gather the pass that follows")
      ->type_name(kFileType);
  add_timeout_option(*command, options->rank_timeout);
  add_skip_bad_option(*command, options->skip_bad);
  add_checkpoint_arguments(*command, *model);
  command->callback([options, model, &common] {
    take_checkpoint_settings(options->overrides, *model);
    options->model = model->options();
    return_large_blocks_to_system();
    options->decode_threads = decode_threads(common);
    const auto print = [&](const auto& report) {
      std::cout << (common.json ? json_text(to_json(report)) : to_text(report));
    };
    options->statistics_only ? print(gather_statistics(*options)) : print(quantize(*options));
  });
}

}  // namespace clipq::cli
