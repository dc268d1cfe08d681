#include "image_pass.h"

#include <utility>

#include "clipq/core/log.h"
#include "clipq/core/stopwatch.h"
#include "clipq/core/strings.h"
#include "clipq/eval/feature_rows.h"
#include "clipq/model/finite.h"

namespace clipq {
namespace {

at::Tensor encode(const ClipModel& model, const at::Tensor& pixels, ImageFeature feature) {
  return feature == ImageFeature::kEmbedding ? model.encode_image(pixels)
                                             : model.pool_image(pixels);
}

std::vector<Preprocess> preprocesses_of(const std::vector<EvaluatedModel>& models) {
  std::vector<Preprocess> preprocesses;
  for (const EvaluatedModel& each : models) preprocesses.push_back(each.model->preprocess);
  return preprocesses;
}

}  // namespace

ImagePass::ImagePass(std::vector<EvaluatedModel> models, ImageFeature feature)
    : models_(std::move(models)),
      feature_(feature),
      pass_(preprocesses_of(models_)),
      rows_(models_.size()) {}

void ImagePass::run(const Dataset& dataset, std::int64_t count, const EncodeOptions& options,
                    const SharedPass& shared) {
  Stopwatch wall;
  pass_.run(dataset, count, options, shared,
            [&](const std::vector<at::Tensor>& pixels, const std::vector<std::int64_t>& items) {
              encode_batch(pixels, items, dataset);
            });
  if (!options.logs_passes) return;
  log::info(cat(filled_, " images through ", models_.size(),
                models_.size() == 1 ? " model in " : " models in ", fixed(wall.lap(), 1), " s, ",
                fixed(forward_seconds_, 1), " s of them in forward passes"));
}

at::Tensor ImagePass::features(std::size_t i) const {
  return rows_[i].defined() ? rows_[i].narrow(0, 0, filled_) : at::Tensor();
}

void ImagePass::encode_batch(const std::vector<at::Tensor>& pixels,
                             const std::vector<std::int64_t>& items, const Dataset& dataset) {
  Stopwatch watch;
  const auto name_of_row = [&](std::int64_t row) {
    return dataset.item_name(items[static_cast<std::size_t>(row)]);
  };
  for (std::size_t i = 0; i < models_.size(); ++i) {
    const ClipModel& model = *models_[i].model;
    const at::Tensor& own = pixels[pass_.place_of(model.preprocess)];
    const at::Tensor encoded = encode(model, own, feature_);
    require_finite(encoded, model, Tower::kImage, own, models_[i].place(), name_of_row);
    if (!rows_[i].defined()) rows_[i] = feature_rows(pass_.own(), encoded.size(1));
    rows_[i].narrow(0, filled_, encoded.size(0)).copy_(encoded);
  }
  filled_ += static_cast<std::int64_t>(items.size());
  forward_seconds_ += watch.lap();
}

}  // namespace clipq
