#include "image_pass.h"

#include <ATen/ops/index_select.h>
#include <ATen/ops/tensor.h>

#include <algorithm>
#include <numeric>
#include <utility>

#include "clipq/core/error.h"
#include "clipq/core/log.h"
#include "clipq/core/progress.h"
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

}  // namespace

ImagePass::ImagePass(std::vector<EvaluatedModel> models, ImageFeature feature)
    : models_(std::move(models)), feature_(feature), rows_(models_.size()) {
  for (const EvaluatedModel& each : models_) {
    const Preprocess& wanted = each.model->preprocess;
    const auto found = std::find(preprocesses_.begin(), preprocesses_.end(), wanted);
    preprocess_of_.push_back(static_cast<std::size_t>(found - preprocesses_.begin()));
    if (found == preprocesses_.end()) preprocesses_.push_back(wanted);
  }
}

void ImagePass::run(const Dataset& dataset, std::int64_t count, const EncodeOptions& options,
                    const SharedPass& shared) {
  Stopwatch wall;
  const ItemRange share = shared.share(count, options.batch_size);
  first_ = share.first;
  own_ = share.last - share.first;
  std::vector<std::int64_t> indices(static_cast<std::size_t>(own_));
  std::iota(indices.begin(), indices.end(), first_);
  Loader loader(dataset, std::move(indices), preprocesses_,
                {options.batch_size, options.decode_threads, /*keeps_bad=*/true});
  encode_all(loader, dataset, options.skip_bad);
  sort_out(dataset, count, options.skip_bad, shared);
  if (!options.logs_passes) return;
  log::info(cat(filled_, " images through ", models_.size(),
                models_.size() == 1 ? " model in " : " models in ", fixed(wall.lap(), 1), " s, ",
                fixed(forward_seconds_, 1), " s of them in forward passes"));
}

at::Tensor ImagePass::features(std::size_t i) const {
  return rows_[i].defined() ? rows_[i].narrow(0, 0, filled_) : at::Tensor();
}

void ImagePass::encode_all(Loader& loader, const Dataset& dataset, std::int64_t skip_bad) {
  Progress progress("images", own_);
  for (PixelBatch batch; loader.next(batch);) {
    const std::vector<std::int64_t> good = note_bad(batch);
    const bool too_many = static_cast<std::int64_t>(bad_here_.size()) > skip_bad;
    if (!good.empty() && !too_many) encode_batch(batch, good, dataset);
    progress.advance(batch.count);
  }
}

void ImagePass::encode_batch(PixelBatch& batch, const std::vector<std::int64_t>& good,
                             const Dataset& dataset) {
  Stopwatch watch;
  const auto name_of_row = [&](std::int64_t row) {
    return dataset.item_name(first_ + batch.first + good[static_cast<std::size_t>(row)]);
  };
  for (std::size_t i = 0; i < models_.size(); ++i) {
    const ClipModel& model = *models_[i].model;
    at::Tensor pixels = pixels_of(batch, model.preprocess, preprocess_of_[i]);
    if (!batch.bad.empty()) pixels = at::index_select(pixels, 0, at::tensor(good));
    const at::Tensor encoded = encode(model, pixels, feature_);
    require_finite(encoded, model, Tower::kImage, pixels, models_[i].place(), name_of_row);
    if (!rows_[i].defined()) rows_[i] = feature_rows(own_, encoded.size(1));
    rows_[i].narrow(0, filled_, encoded.size(0)).copy_(encoded);
  }
  filled_ += static_cast<std::int64_t>(good.size());
  forward_seconds_ += watch.lap();
}

/// Positions of the batch that can be used; notes the others.
std::vector<std::int64_t> ImagePass::note_bad(const PixelBatch& batch) {
  std::vector<std::int64_t> good;
  auto bad = batch.bad.begin();
  for (std::int64_t i = 0; i < batch.count; ++i) {
    if (bad != batch.bad.end() && bad->position == i) {
      bad_here_.push_back({first_ + batch.first + i, bad++->reason});
    } else {
      good.push_back(i);
    }
  }
  return good;
}

/// Tells the good items of all processes from the bad ones.
void ImagePass::sort_out(const Dataset& dataset, std::int64_t count, std::int64_t skip_bad,
                         const SharedPass& shared) {
  std::vector<bool> is_bad(static_cast<std::size_t>(count), false);
  for (const Json& each : shared.joined("undecodable", bad_here_)) {
    const auto item = each.at(0).get<std::int64_t>();
    is_bad[static_cast<std::size_t>(item)] = true;
    bad_.add(dataset.item_name(item), each.at(1).get<std::string>());
  }
  bad_.require_at_most(skip_bad, dataset, count);
  for (std::int64_t item = 0; item < count; ++item) {
    if (!is_bad[static_cast<std::size_t>(item)]) items_.push_back(item);
  }
  if (items_.empty()) throw InputError(cat(dataset.spec(), ": no image is left"));
}

}  // namespace clipq
