#include "clipq/app/demo_command.h"

#include "clipq/app/bench_command.h"
#include "clipq/app/eval_command.h"
#include "clipq/app/quantize_command.h"
#include "clipq/core/assets.h"
#include "clipq/core/files.h"
#include "clipq/core/log.h"
#include "clipq/core/strings.h"
#include "clipq/data/demo_data.h"

namespace clipq {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kCalibrationSeedOffset = 1;

/// Quantizes the demo checkpoint with one recipe, calibrated on drawings that the evaluation
/// doesn't see.
fs::path quantize_demo(const fs::path& checkpoint, const std::string& recipe,
                       const DemoOptions& options) {
  const fs::path drawings = options.folder / "calibration" / "coco";
  QuantizeOptions quantize_options;
  quantize_options.checkpoint = checkpoint;
  quantize_options.output = options.folder / cat("clip-demo-", recipe, ".pt");
  quantize_options.recipe = recipe;
  quantize_options.calibration_data = cat("coco:", (drawings / "val").string());
  quantize_options.calibration_captions = drawings / "captions.json";
  quantize_options.calibration_samples = 256;
  quantize_options.decode_threads = options.decode_threads;
  log::info(cat("quantizing with ", recipe));
  write_file(options.folder / cat("clip-demo-", recipe, ".txt"),
             to_text(quantize(quantize_options)));
  return quantize_options.output;
}

}  // namespace

std::vector<Result> demo(const DemoOptions& options) {
  make_folder(options.folder);
  const fs::path data = options.folder / "data";
  log::info(cat("drawing ", options.images_per_class, " images of each of 100 classes"));
  draw_demo_data(data, options.seed, options.images_per_class);
  draw_demo_data(options.folder / "calibration", options.seed + kCalibrationSeedOffset, 10);
  const fs::path checkpoint = options.folder / "clip-demo.pt";
  write_file(checkpoint, asset("demo/clip-demo.pt"));

  EvalOptions eval_options;
  eval_options.models = {checkpoint};
  for (const std::string& recipe : recipe_names()) {
    eval_options.models.push_back(quantize_demo(checkpoint, recipe, options));
  }
  eval_options.data = cat("cifar100:", (data / "cifar-100-binary").string());
  eval_options.task_options.classnames = data / "classnames.json";
  eval_options.task_options.templates = (data / "templates.json").string();
  eval_options.decode_threads = options.decode_threads;
  log::info("evaluating");
  std::vector<Result> results = evaluate(eval_options);

  BenchOptions bench_options;
  bench_options.models = eval_options.models;
  bench_options.latency = options.latency;
  log::info("timing");
  for (Result& result : bench(bench_options)) results.push_back(std::move(result));
  write_file(options.folder / "results.json", json_text(results_document(results)));
  return results;
}

}  // namespace clipq
