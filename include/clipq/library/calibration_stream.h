#pragma once

#include <memory>

#include "clipq/data/dataset.h"
#include "clipq/eval/encode.h"
#include "clipq/quant/calibrate.h"

namespace clipq {

/// What a calibration will run on.
struct CalibrationPlan {
  std::vector<std::int64_t> images;   ///< items whose images are taken, each once
  std::vector<std::string> captions;  ///< of image-caption pairs, distinct images first
  std::int64_t samples = 0;           ///< pairs; images if there are no captions or none wanted
};

/// Chooses up to `samples` image-caption pairs of `images`: every image with its first caption,
/// then every image with its second, and so on. Without captions, or unless `text` is wanted, the
/// images alone.
CalibrationPlan plan_calibration(const Dataset& dataset, std::vector<std::int64_t> images,
                                 std::int64_t samples, bool text);

/// Which towers a calibration feeds, and how.
struct CalibrationFeed {
  bool image = true;
  bool text = true;
  int decode_threads = 2;
};

/// Batches of at most 16 images and 16 captions, whatever the recipe: memory stays small. Each
/// image comes once, however many captions it has. Keeps a reference to the data set.
CalibrationSource calibration_source(const Dataset& dataset, const CalibrationPlan& plan,
                                     const Tokenizer& tokenizer, const ClipModel& model,
                                     const CalibrationFeed& feed);

}  // namespace clipq
