#include "clipq/eval/encode.h"

#include <ATen/Parallel.h>
#include <ATen/Version.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/tensor.h>
#include <torch/version.h>

#include <algorithm>
#include <numeric>
#include <string_view>
#include <utility>

#include "clipq/core/error.h"
#include "clipq/core/json.h"
#include "clipq/core/log.h"
#include "clipq/core/npy.h"
#include "clipq/core/program_digest.h"
#include "clipq/core/progress.h"
#include "clipq/core/setting.h"
#include "clipq/core/sha256.h"
#include "clipq/core/stopwatch.h"
#include "clipq/core/strings.h"
#include "clipq/data/preprocess_json.h"
#include "clipq/eval/feature_rows.h"
#include "clipq/model/finite.h"
#include "image_pass.h"
#include "shared_pass.h"
#include "text_rows.h"

namespace clipq {
namespace {

/// The digest of everything that decides what a model makes of some input; empty if the model
/// isn't to be cached.
std::string cache_key(const EvaluatedModel& model, bool whole_batch, std::int64_t batch_size,
                      const std::string& input) {
  if (model.identity.empty()) return "";
  return sha256_of(cat(program_digest(), "\nLibTorch ", TORCH_VERSION, " ",
                       at::get_cpu_capability(), "\n", model.identity, "\n",
                       to_json(model.model->config()).dump(), "\nbatch ",
                       whole_batch ? batch_size : 0, "\n", input));
}

/// What ranks must have in common, as messages call it.
constexpr const char* kComputation = "models, kernels, processors or builds of clipq";
constexpr const char* kThreads = "numbers of threads";

std::string_view bytes_of(const at::Tensor& tokens) {
  return {static_cast<const char*>(tokens.const_data_ptr()), tokens.nbytes()};
}

/// Embeddings of the distinct texts, batch by batch; undefined where the pass isn't led.
/// @param texts what messages call them by
at::Tensor encode_distinct(const EvaluatedModel& evaluated, const at::Tensor& tokens,
                           const TextRows& distinct, const std::vector<std::string>& texts,
                           std::int64_t batch_size, const SharedPass& shared) {
  const ClipModel& model = *evaluated.model;
  const auto [begin, end] = shared.share(distinct.count(), batch_size);
  const at::Tensor own = feature_rows(end - begin, model.text->config().embed_dim);
  Progress progress("texts", end - begin);
  for (std::int64_t first = begin; first < end; first += batch_size) {
    const std::int64_t rows = std::min(batch_size, end - first);
    const at::Tensor part = distinct.batch(tokens, first, rows);
    const at::Tensor embedded = model.encode_text(part);
    require_finite(embedded, model, Tower::kText, part, evaluated.place(), [&](std::int64_t row) {
      return cat("the text \"", texts[distinct.rows[first + row]], "\"");
    });
    own.narrow(0, first - begin, rows).copy_(embedded);
    progress.advance(rows);
  }
  return shared.gathered(evaluated.label, own);
}

at::Tensor encode_tokens(const EvaluatedModel& model, const at::Tensor& tokens,
                         const std::vector<std::string>& texts, std::int64_t batch_size,
                         const SharedPass& shared) {
  Stopwatch watch;
  const TextTower& tower = *model.model->text;
  const TextRows distinct = text_rows(tokens, tower);
  at::Tensor embeddings = encode_distinct(model, tokens, distinct, texts, batch_size, shared);
  if (embeddings.defined() && !tower.needs_whole_batch()) {
    embeddings = distinct.expanded(embeddings);
  }
  log::debug(cat(tokens.size(0), " texts (", distinct.count(), " embedded) in ",
                 fixed(watch.lap(), 1), " s"));
  return embeddings;
}

}  // namespace

Component common_towers(const std::vector<EvaluatedModel>& models) {
  const auto count = [&models](Tower tower) {
    return std::count_if(models.begin(), models.end(),
                         [tower](const EvaluatedModel& each) { return each.model->has(tower); });
  };
  const auto all = static_cast<std::ptrdiff_t>(models.size());
  const bool image = count(Tower::kImage) == all;
  const bool text = count(Tower::kText) == all;
  if (!image && !text) {
    throw UsageError(
        "some of the models embed only images and the others only texts; compare "
        "models that have a tower in common");
  }
  for (const Tower tower : kTowers) {
    const std::ptrdiff_t has = count(tower);
    if (has == 0 || has == all) continue;
    log::info(cat(has, " of ", all, " models have ", tower == Tower::kText ? "a text" : "an image",
                  " tower; only what all of them have is compared"));
  }
  return image && text ? Component::kBoth : image ? Component::kImage : Component::kText;
}

ImageFeature parse_image_feature(const std::string& name, const std::string& where) {
  if (name == "embedding") return ImageFeature::kEmbedding;
  if (name == "pooled") return ImageFeature::kPooled;
  throw UsageError(cat(where, " ", name, ": expected embedding or pooled"));
}

std::vector<std::int64_t> first_indices(std::int64_t n) {
  std::vector<std::int64_t> indices(static_cast<std::size_t>(n));
  std::iota(indices.begin(), indices.end(), std::int64_t{0});
  return indices;
}

std::int64_t items_within(std::int64_t limit, const Dataset& dataset) {
  return limit > 0 ? std::min(limit, dataset.size()) : dataset.size();
}

at::Tensor pixels_of(PixelBatch& batch, const Preprocess& preprocess, std::size_t which) {
  return at::from_blob(batch.pixels[which].data(),
                       {batch.count, 3, preprocess.size, preprocess.size},
                       at::TensorOptions(at::kFloat));
}

at::Tensor tokens_of(const std::vector<std::string>& texts, const Tokenizer& tokenizer,
                     const TextTowerConfig& config) {
  if (!tokenizer.fits(config.vocab_size)) {
    throw UsageError(
        cat("the tokenizer has ", tokenizer.vocabulary_size(),
            " entries, but the model's token embedding has ", config.vocab_size,
            "; pass the model's own tokenizer: merges, tokenizer.json or a SentencePiece model"),
        {{Setting::kMerges}});
  }
  const std::vector<std::int32_t> ids = tokenizer.tokenize(texts, config.context_length);
  return at::tensor(at::ArrayRef<std::int32_t>(ids), at::TensorOptions(at::kInt))
      .view({static_cast<std::int64_t>(texts.size()), config.context_length});
}

Encoder::Encoder(std::vector<EvaluatedModel> models, EncodeOptions options)
    : models_(std::move(models)), options_(std::move(options)) {}

ImageFeatures Encoder::images(const ImageSource& source, ImageFeature feature,
                              const std::string& name) const {
  require_towers(Tower::kImage);
  const SharedPass shared(options_.ranks, name);
  if (options_.ranks != nullptr) {
    shared.require_same("images",
                        {{kComputation, computations()},
                         {kThreads, at::get_num_threads()},
                         {"data", source.content.sha256},
                         {"number of images", source.count},
                         {"features", feature == ImageFeature::kEmbedding ? "embedding" : "pooled"},
                         {"batch size", options_.batch_size},
                         {"number of images that may be skipped", options_.skip_bad}});
  }
  ImageFeatures features;
  std::vector<std::string> keys;
  std::vector<bool> runs;
  for (const EvaluatedModel& each : models_) {
    const std::string input =
        cat(feature == ImageFeature::kEmbedding ? "images " : "pooled ", source.content.sha256,
            "\n", to_json(each.model->preprocess).dump());
    keys.push_back(
        cache_key(each, each.model->image->needs_whole_batch(), options_.batch_size, input));
    features.rows.push_back(cached(keys.back(), source.count));
    runs.push_back(!features.rows.back().defined());
  }
  features.items = first_indices(source.count);
  std::vector<EvaluatedModel> running;
  for (std::size_t i = 0; i < models_.size(); ++i) {
    if (runs[i]) running.push_back(models_[i]);
  }
  if (!running.empty()) {
    ImagePass pass(running, feature);
    pass.run(source.dataset, source.count, options_, shared);
    features.items = pass.items();
    features.skipped = pass.skipped();
    for (std::size_t i = 0, ran = 0; i < models_.size(); ++i) {
      if (!runs[i]) continue;
      features.rows[i] = shared.gathered(models_[i].label, pass.features(ran++));
      if (features.skipped.empty()) store(keys[i], features.rows[i]);
    }
  }
  save(features.rows, name);
  return features;
}

std::vector<at::Tensor> Encoder::texts(const std::vector<std::string>& texts,
                                       const std::string& name) const {
  require_towers(Tower::kText);
  const SharedPass shared(options_.ranks, name);
  std::vector<at::Tensor> embeddings;
  Stopwatch watch;
  for (const EvaluatedModel& each : models_) {
    const at::Tensor tokens = tokens_of(texts, *each.tokenizer, each.model->text->config());
    const std::string digest = sha256_of(bytes_of(tokens));
    const std::string key = cache_key(each, each.model->text->needs_whole_batch(),
                                      options_.batch_size, cat("texts ", digest));
    if (options_.ranks != nullptr) {
      shared.require_same("texts of " + each.label, {{kComputation, computations()},
                                                     {kThreads, at::get_num_threads()},
                                                     {"texts or tokenizer", digest},
                                                     {"batch size", options_.batch_size}});
    }
    embeddings.push_back(cached(key, tokens.size(0)));
    if (embeddings.back().defined()) continue;
    embeddings.back() = encode_tokens(each, tokens, texts, options_.batch_size, shared);
    store(key, embeddings.back());
  }
  if (options_.logs_passes) {
    log::info(cat(texts.size(), " texts through ", models_.size(),
                  models_.size() == 1 ? " model in " : " models in ", fixed(watch.lap(), 1), " s"));
  }
  save(embeddings, name);
  return embeddings;
}

void Encoder::require_towers(Tower tower) const {
  for (const EvaluatedModel& each : models_) require_tower(*each.model, tower, each.place());
}

Json Encoder::computations() const {
  Json computations = Json::array();
  for (const EvaluatedModel& each : models_) computations.push_back(cache_key(each, false, 0, ""));
  return computations;
}

at::Tensor Encoder::cached(const std::string& key, std::int64_t rows) const {
  // Ranks must do the same after a restart, whatever rank 0 has stored before.
  if (key.empty() || options_.ranks != nullptr) return {};
  const auto found = options_.cache.find(key);
  return found && found->size(0) == rows ? *found : at::Tensor();
}

void Encoder::store(const std::string& key, const at::Tensor& features) const {
  if (!key.empty() && leads(options_.ranks)) options_.cache.store(key, features);
}

void Encoder::save(const std::vector<at::Tensor>& features, const std::string& name) const {
  if (options_.save_folder.empty() || !leads(options_.ranks)) return;
  for (std::size_t i = 0; i < features.size(); ++i) {
    const at::Tensor rows = features[i].contiguous();
    write_npy(options_.save_folder / cat(models_[i].label, "-", name, ".npy"),
              rows.const_data_ptr<float>(), rows.sizes().vec());
  }
}

}  // namespace clipq
