#include "mixed_features.h"

#include <ATen/ops/zeros.h>

#include <algorithm>
#include <utility>

#include "clipq/core/error.h"
#include "clipq/core/strings.h"
#include "pixel_pass.h"

namespace clipq {

MixedFeatures::MixedFeatures(std::map<Tower, std::vector<MixedModel>> models,
                             const Tokenizer& tokenizer, std::string label, EncodeOptions options,
                             FeatureStore store, std::int64_t most_kept_bytes)
    : models_(std::move(models)),
      tokenizer_(tokenizer),
      label_(std::move(label)),
      options_(std::move(options)),
      store_(std::move(store)),
      most_kept_bytes_(most_kept_bytes) {}

ImageFeatures MixedFeatures::images(const ImageSource& source, ImageFeature feature,
                                    const std::string& pass,
                                    const std::vector<std::string>& names) {
  const ImageRun& run = image_run(source, feature, pass);
  ImageFeatures features = {{}, run.items, run.skipped};
  for (const std::string& name : names) {
    features.rows.push_back(run.pass.features(name));
  }
  return features;
}

const MixedFeatures::ImageRun& MixedFeatures::image_run(const ImageSource& source,
                                                        ImageFeature feature,
                                                        const std::string& pass) {
  const auto known = image_runs_.find(pass);
  if (known != image_runs_.end()) return known->second;
  const std::vector<MixedModel>& models = models_.at(Tower::kImage);
  ImageRun run = {
      {models, {Tower::kImage, feature}, pass, label_, store_, most_kept_bytes_}, {}, {}};
  const std::int64_t side = models.front().model.image->config().resolution;
  run.pass.fit(at::zeros({1, kImageChannels, side, side}), options_.batch_size);
  PixelPass pixels({models.front().model.preprocess});
  pixels.run(source.dataset, source.count, options_, SharedPass(nullptr, pass),
             [&](const std::vector<at::Tensor>& batch, const std::vector<std::int64_t>& items) {
               std::vector<std::string> item_names;
               for (const std::int64_t item : items) {
                 item_names.push_back(source.dataset.item_name(item));
               }
               run.pass.add(batch.front().clone(), std::move(item_names));
             });
  run.pass.finish();
  run.items = pixels.items();
  run.skipped = pixels.skipped();
  return image_runs_.emplace(pass, std::move(run)).first->second;
}

std::vector<at::Tensor> MixedFeatures::texts(const std::vector<std::string>& texts,
                                             const std::string& pass,
                                             const std::vector<std::string>& names) {
  const std::vector<TextRun>& runs = text_runs(texts, pass);
  std::vector<at::Tensor> features;
  for (const std::string& name : names) {
    for (const TextRun& run : runs) {
      if (run.pass.has(name)) features.push_back(run.rows.expanded(run.pass.features(name)));
    }
  }
  return features;
}

const std::vector<MixedFeatures::TextRun>& MixedFeatures::text_runs(
    const std::vector<std::string>& texts, const std::string& pass) {
  const auto known = text_runs_.find(pass);
  if (known != text_runs_.end()) return known->second;
  std::vector<TextRun>& runs = text_runs_[pass];
  for (const bool whole_batch : {false, true}) {
    std::vector<MixedModel> models;
    for (const MixedModel& each : models_.at(Tower::kText)) {
      if (each.model.text->needs_whole_batch() == whole_batch) models.push_back(each);
    }
    if (models.empty()) continue;
    runs.push_back(run_texts(std::move(models), texts, cat(pass, whole_batch ? "-whole" : "")));
  }
  return runs;
}

MixedFeatures::TextRun MixedFeatures::run_texts(std::vector<MixedModel> models,
                                                const std::vector<std::string>& texts,
                                                const std::string& pass) {
  const TextTower& tower = *models.front().model.text;
  const at::Tensor tokens = tokens_of(texts, tokenizer_, tower.config());
  TextRows rows = text_rows(tokens, tower);
  PartPass run(std::move(models), {Tower::kText}, pass, label_, store_, most_kept_bytes_);
  run.fit(rows.batch(tokens, rows.count() - 1, 1), options_.batch_size);
  for (std::int64_t first = 0; first < rows.count(); first += options_.batch_size) {
    const std::int64_t count = std::min(options_.batch_size, rows.count() - first);
    std::vector<std::string> names;
    for (std::int64_t i = first; i < first + count; ++i) {
      const auto text = static_cast<std::size_t>(rows.rows[static_cast<std::size_t>(i)]);
      names.push_back(cat("the text \"", texts[text], "\""));
    }
    run.add(rows.batch(tokens, first, count), std::move(names));
  }
  run.finish();
  return {std::move(run), std::move(rows)};
}

}  // namespace clipq
