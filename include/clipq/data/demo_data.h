#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "clipq/data/image.h"

namespace clipq {

/// How well drawings can be told apart.
enum class DemoDifficulty {
  kPlain,  ///< what the built-in checkpoint was trained on
  kHard    ///< in strong noise, so that quantizing costs accuracy that shows
};

/// Draws a captioned data set of coloured shapes: 5 shapes x 10 colours x 2 sizes = 100 classes
/// such as "small red circle", on noisy backgrounds. The same seed gives the same files. Writes
/// below `folder`, which is made if it is missing:
///   cifar-100-binary/   test.bin (100 * images_per_class records; record i has fine label i mod
///                       100), fine_label_names.txt, coarse_label_names.txt (colour and size)
///   imagefolder/val/    one folder a class with images_per_class / 10 (at least 1) 96x96 PNG files
///   coco/val/           10 * images_per_class 128x96 JPEG files of one or two objects
///   coco/captions.json  five captions an image, in COCO's layout
///   classnames.json     the 100 names in label order; templates.json  prompts with {c}
/// Each set has a clipq_dataset.json, which calls it "clipq_shapes".
/// Throws UsageError if images_per_class is less than 1, InputError if a file can't be written.
void draw_demo_data(const std::filesystem::path& folder, std::uint64_t seed, int images_per_class,
                    DemoDifficulty difficulty = DemoDifficulty::kPlain);

/// A picture of the data set's kind and a sentence about it.
struct DemoSample {
  Image image;
  std::string caption;
};

/// That many of them, one or two objects each. The same seed gives the same.
std::vector<DemoSample> draw_demo_samples(std::uint64_t seed, int count);

}  // namespace clipq
