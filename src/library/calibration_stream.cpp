#include "clipq/library/calibration_stream.h"

#include <algorithm>
#include <utility>

#include "clipq/core/error.h"
#include "clipq/core/progress.h"
#include "clipq/core/setting.h"
#include "clipq/core/sha256.h"
#include "clipq/core/strings.h"
#include "clipq/data/preprocess_json.h"

namespace clipq {
namespace {

constexpr std::int64_t kMicroBatch = 16;

/// The items of batches [first, last): the first one and how many.
struct Items {
  std::int64_t begin;
  std::int64_t count;
};

Items items_of(std::int64_t first, std::int64_t last, std::int64_t total) {
  const std::int64_t begin = std::min(total, first * kMicroBatch);
  return {begin, std::min(total, last * kMicroBatch) - begin};
}

/// The state of a stream while it runs.
struct Cursor {
  std::unique_ptr<Loader> loader;  ///< null: no images wanted
  Preprocess preprocess;
  PixelBatch pixels;
  at::Tensor tokens;  ///< undefined: no texts wanted
  std::int64_t next_text = 0;
  Progress progress;

  bool next_pixels(CalibrationBatch& batch) {
    if (!loader || !next_batch()) return false;
    batch.pixels = pixels_of(pixels, preprocess);
    progress.advance(pixels.count);
    return true;
  }

  bool next_batch() {
    try {
      return loader->next(pixels);
    } catch (const InputError& failure) {
      throw InputError(failure.what(), {{Setting::kSkipBad, "N"}});
    }
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

std::string fingerprint_of(const at::Tensor& tokens, const Preprocess& preprocess) {
  Sha256 hash;
  if (tokens.defined()) hash.update(tokens.const_data_ptr(), tokens.nbytes());
  hash.update(to_json(preprocess).dump());
  return hash.finish();
}

}  // namespace

CalibrationPlan plan_calibration(const Dataset& dataset, std::vector<std::int64_t> images,
                                 std::int64_t samples, bool text) {
  CalibrationPlan plan;
  plan.images = std::move(images);
  std::size_t most_captions = 0;
  for (const std::int64_t i : plan.images) {
    if (text) most_captions = std::max(most_captions, dataset.captions(i).size());
  }
  for (std::size_t round = 0; round < most_captions; ++round) {
    for (const std::int64_t i : plan.images) {
      if (static_cast<std::int64_t>(plan.captions.size()) == samples) break;
      const std::vector<std::string>& captions = dataset.captions(i);
      if (round < captions.size()) plan.captions.push_back(captions[round]);
    }
  }
  plan.samples =
      static_cast<std::int64_t>(most_captions > 0 ? plan.captions.size() : plan.images.size());
  return plan;
}

CalibrationSource calibration_source(const Dataset& dataset, const CalibrationPlan& plan,
                                     const Tokenizer& tokenizer, const ClipModel& model,
                                     const CalibrationFeed& feed) {
  const auto images = static_cast<std::int64_t>(feed.image ? plan.images.size() : 0);
  const auto texts = static_cast<std::int64_t>(feed.text ? plan.captions.size() : 0);
  const at::Tensor tokens =
      texts > 0 ? tokens_of(plan.captions, tokenizer, model.text->config()) : at::Tensor();
  const std::string fingerprint = fingerprint_of(tokens, model.preprocess);
  const auto open = [&dataset, feed, items = plan.images, images, texts, tokens,
                     preprocess = model.preprocess](std::int64_t first,
                                                    std::int64_t last) -> CalibrationStream {
    const Items of_images = items_of(first, last, images);
    const Items of_texts = items_of(first, last, texts);
    auto cursor = std::shared_ptr<Cursor>(
        new Cursor{nullptr,
                   preprocess,
                   {},
                   tokens.defined() ? tokens.narrow(0, of_texts.begin, of_texts.count) : tokens,
                   0,
                   Progress("calibrating", of_images.count + of_texts.count)});
    if (of_images.count > 0) {
      const auto begin = items.begin() + of_images.begin;
      cursor->loader = std::make_unique<Loader>(
          dataset, std::vector<std::int64_t>(begin, begin + of_images.count),
          std::vector<Preprocess>{preprocess},
          LoaderOptions{.batch_size = kMicroBatch, .threads = feed.decode_threads});
    }
    return [cursor](CalibrationBatch& batch) {
      const bool more_pixels = cursor->next_pixels(batch);
      const bool more_tokens = cursor->next_tokens(batch);
      return more_pixels || more_tokens;
    };
  };
  return {(std::max(images, texts) + kMicroBatch - 1) / kMicroBatch, fingerprint, open};
}

}  // namespace clipq
