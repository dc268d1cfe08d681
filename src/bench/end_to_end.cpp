#include "clipq/bench/end_to_end.h"

#include <ATen/Parallel.h>
#include <ATen/ops/from_blob.h>

#include <algorithm>
#include <atomic>
#include <functional>
#include <memory>

#include "clipq/core/stopwatch.h"
#include "clipq/data/preprocess.h"

namespace clipq {
namespace {

/// The stages of one model on the same images.
class Stages {
 public:
  Stages(const EvaluatedModel& model, const Dataset& dataset, const EndToEndOptions& options)
      : model_(model),
        source_{dataset, options.images, {}},
        batch_(std::min(options.batch_size, options.images)),
        encoder_({model}, {.batch_size = batch_,
                           .decode_threads = options.decode_threads,
                           .logs_passes = false}) {
    require_tower(*model.model, Tower::kImage, model.place());
    pixels_.resize(static_cast<std::size_t>(batch_ * item_floats()));
  }

  /// Reads, decodes and preprocesses all images; threads take them as they come.
  void prepare() {
    const NeededPixels needed = needed_by({model_.model->preprocess});
    std::atomic<double> decoding = 0;
    std::atomic<double> preparing = 0;
    std::atomic<std::int64_t> next = 0;
    at::parallel_for(
        0, at::get_num_threads(), 1, [&](std::int64_t /*begin*/, std::int64_t /*end*/) {
          std::vector<float> unused(static_cast<std::size_t>(item_floats()));
          for (std::int64_t i = next++; i < source_.count; i = next++) {
            Stopwatch stopwatch;
            const Image image = source_.dataset.image_part(i, needed);
            const double decoded = stopwatch.lap();
            preprocess(image, model_.model->preprocess,
                       i < batch_ ? pixels_.data() + i * item_floats() : unused.data());
            decoding += decoded;
            preparing += decoded + stopwatch.lap();
          }
        });
    decoding_ += decoding;
    preparing_ += preparing;
  }

  /// As many forward passes as all images need, on the pixels of some.
  void forward() {
    const std::int64_t side = model_.model->preprocess.size;
    for (std::int64_t first = 0; first < source_.count; first += batch_) {
      const std::int64_t count = std::min(batch_, source_.count - first);
      model_.model->encode_image(at::from_blob(pixels_.data(), {count, 3, side, side}, at::kFloat));
    }
  }

  void whole() const { encoder_.images(source_); }

  double decode_share() const { return decoding_ / preparing_; }

 private:
  std::int64_t item_floats() const {
    const std::int64_t side = model_.model->preprocess.size;
    return kImageChannels * side * side;
  }

  const EvaluatedModel& model_;
  ImageSource source_;
  std::int64_t batch_;
  Encoder encoder_;
  std::vector<float> pixels_;  ///< of one batch
  double decoding_ = 0;        ///< seconds of all threads
  double preparing_ = 0;       ///< likewise, with the decoding
};

}  // namespace

double EndToEnd::images_per_second() const {
  return 1e3 * static_cast<double>(images) / whole.median_ms;
}

double EndToEnd::possible_images_per_second() const {
  return 1e3 * static_cast<double>(images) / (preparation.median_ms + forward.median_ms);
}

std::vector<EndToEnd> measure_end_to_end(const std::vector<EvaluatedModel>& models,
                                         const Dataset& dataset, const EndToEndOptions& options) {
  std::vector<std::unique_ptr<Stages>> stages;
  std::vector<std::function<void()>> tasks;
  for (const EvaluatedModel& model : models) {
    stages.push_back(std::make_unique<Stages>(model, dataset, options));
    Stages* own = stages.back().get();
    tasks.emplace_back([own] { own->prepare(); });
    tasks.emplace_back([own] { own->forward(); });
    tasks.emplace_back([own] { own->whole(); });
  }
  const std::vector<LatencyStats> times = time_interleaved(tasks, options.repeats);
  std::vector<EndToEnd> measured;
  for (std::size_t i = 0; i < models.size(); ++i) {
    measured.push_back({options.images, at::get_num_threads(), times[3 * i], times[3 * i + 1],
                        times[3 * i + 2], stages[i]->decode_share()});
  }
  return measured;
}

Json to_json(const EndToEnd& measured) {
  const auto core_ms = [&measured](double milliseconds) {
    return milliseconds * measured.threads / static_cast<double>(measured.images);
  };
  const double preparation = core_ms(measured.preparation.median_ms);
  const double forward = core_ms(measured.forward.median_ms);
  const double decode = preparation * measured.decode_share;
  const double all = preparation + forward;
  const auto stage = [all](double milliseconds) {
    return Json{{"core_ms_per_image", milliseconds}, {"share", milliseconds / all}};
  };
  return {{"images_per_second", measured.images_per_second()},
          {"possible_images_per_second", measured.possible_images_per_second()},
          {"stages",
           {{"decode", stage(decode)},
            {"resize", stage(preparation - decode)},
            {"forward", stage(forward)}}},
          {"passes",
           {{"preparation", to_json(measured.preparation)},
            {"forward", to_json(measured.forward)},
            {"whole", to_json(measured.whole)}}}};
}

}  // namespace clipq
