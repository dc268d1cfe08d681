#include "clipq/app/demo_command.h"

#include "clipq/core/assets.h"
#include "clipq/core/files.h"
#include "clipq/core/log.h"
#include "clipq/core/strings.h"
#include "clipq/data/demo_data.h"

namespace clipq {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kCalibrationSeedOffset = 1;
constexpr int kCalibrationImagesPerClass = 10;

/// KEY=VALUE.
std::string setting(const char* key, const fs::path& value) {
  return cat(key, "=", value.string());
}

}  // namespace

RunReport demo(const DemoOptions& options) {
  const fs::path data = options.folder / "data";
  const fs::path calibration = options.folder / "calibration";
  const fs::path checkpoint = options.folder / "clip-demo.pt";
  make_folder(options.folder);
  log::info(cat("generating ", options.images_per_class, " images for each of 100 classes"));
  draw_demo_data(data, options.seed, options.images_per_class, DemoDifficulty::kHard);
  draw_demo_data(calibration, options.seed + kCalibrationSeedOffset, kCalibrationImagesPerClass,
                 DemoDifficulty::kHard);
  write_file(checkpoint, asset("demo/clip-demo.pt"));

  RunOptions run_options;
  run_options.run = "demo";
  run_options.settings = {
      setting("checkpoint", checkpoint),
      setting("data.drawn", data / "cifar-100-binary"),
      setting("data.drawn.classnames", data / "classnames.json"),
      setting("data.drawn.templates", data / "templates.json"),
      setting("data.captioned", data / "coco" / "val"),
      setting("data.captioned.captions", data / "coco" / "captions.json"),
      setting("data.calibration", calibration / "coco" / "val"),
      setting("data.calibration.captions", calibration / "coco" / "captions.json"),
      cat("bench.seconds=", options.seconds)};
  run_options.folder = options.folder;
  run_options.earlier = EarlierRun::kRestart;
  run_options.decode_threads = options.decode_threads;
  run_options.command = options.command;
  return run(run_options);
}

}  // namespace clipq
