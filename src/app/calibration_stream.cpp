#include "clipq/app/calibration_stream.h"

#include <algorithm>
#include <utility>

#include "clipq/core/error.h"
#include "clipq/core/progress.h"
#include "clipq/core/strings.h"

namespace clipq {
namespace {

constexpr std::int64_t kMicroBatch = 16;

/// The state of a stream while it runs.
struct Cursor {
  std::unique_ptr<Loader> loader;  ///< null: no images wanted
  PixelBatch pixels;
  at::Tensor tokens;  ///< undefined: no texts wanted
  std::int64_t next_text = 0;
  Progress progress;

  bool next_pixels(CalibrationBatch& batch, const Preprocess& preprocess) {
    if (!loader || !loader->next(pixels)) return false;
    batch.pixels = pixels_of(pixels, preprocess);
    progress.advance(pixels.count);
    return true;
  }

  bool next_tokens(CalibrationBatch& batch) {
    if (!tokens.defined() || next_text >= tokens.size(0)) return false;
    const std::int64_t rows = std::min(kMicroBatch, tokens.size(0) - next_text);
    batch.tokens = tokens.narrow(0, next_text, rows);
    next_text += rows;
    progress.advance(rows);
    return true;
  }
};

}  // namespace

CalibrationPlan plan_calibration(const Dataset& dataset, std::int64_t samples, bool text) {
  CalibrationPlan plan;
  plan.images = std::min(samples, dataset.size());
  std::size_t most_captions = 0;
  for (std::int64_t i = 0; text && i < dataset.size(); ++i) {
    most_captions = std::max(most_captions, dataset.captions(i).size());
  }
  for (std::size_t round = 0; round < most_captions; ++round) {
    for (std::int64_t i = 0; i < dataset.size(); ++i) {
      if (static_cast<std::int64_t>(plan.captions.size()) == samples) break;
      const std::vector<std::string>& captions = dataset.captions(i);
      if (round < captions.size()) plan.captions.push_back(captions[round]);
    }
  }
  plan.samples = most_captions > 0 ? static_cast<std::int64_t>(plan.captions.size()) : plan.images;
  return plan;
}

CalibrationStream calibration_stream(const Dataset& dataset, const CalibrationPlan& plan,
                                     const Tokenizer& tokenizer, const ClipModel& model, bool image,
                                     bool text, int decode_threads) {
  const auto texts = static_cast<std::int64_t>(text ? plan.captions.size() : 0);
  auto cursor = std::shared_ptr<Cursor>(
      new Cursor{nullptr, {}, {}, 0, Progress("calibrating", (image ? plan.images : 0) + texts)});
  if (image) {
    cursor->loader = std::make_unique<Loader>(dataset, first_indices(plan.images), model.preprocess,
                                              kMicroBatch, decode_threads);
  }
  if (text) cursor->tokens = tokens_of(plan.captions, tokenizer, model.config);
  return [cursor, preprocess = model.preprocess](CalibrationBatch& batch) {
    const bool more_pixels = cursor->next_pixels(batch, preprocess);
    const bool more_tokens = cursor->next_tokens(batch);
    return more_pixels || more_tokens;
  };
}

}  // namespace clipq
