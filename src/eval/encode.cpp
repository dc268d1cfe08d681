#include "clipq/eval/encode.h"

#include <ATen/Version.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/index_select.h>
#include <ATen/ops/tensor.h>
#include <torch/version.h>

#include <algorithm>
#include <numeric>
#include <string_view>
#include <unordered_map>
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
#include "clipq/eval/undecodable.h"
#include "clipq/model/finite.h"

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

std::string_view bytes_of(const at::Tensor& tokens) {
  return {static_cast<const char*>(tokens.const_data_ptr()), tokens.nbytes()};
}

at::Tensor encode(const ClipModel& model, const at::Tensor& pixels, ImageFeature feature) {
  return feature == ImageFeature::kEmbedding ? model.encode_image(pixels)
                                             : model.pool_image(pixels);
}

/// One pass of images through the models that have no cached features.
class ImagePass {
 public:
  ImagePass(const std::vector<EvaluatedModel>& models, ImageFeature feature)
      : models_(models), feature_(feature) {
    for (const EvaluatedModel& each : models_) {
      const Preprocess& wanted = each.model->preprocess;
      const auto found = std::find(preprocesses_.begin(), preprocesses_.end(), wanted);
      preprocess_of_.push_back(static_cast<std::size_t>(found - preprocesses_.begin()));
      if (found == preprocesses_.end()) preprocesses_.push_back(wanted);
    }
  }

  void run(const Dataset& dataset, std::int64_t count, const EncodeOptions& options) {
    Stopwatch wall;
    Loader loader(dataset, first_indices(count), preprocesses_,
                  {options.batch_size, options.decode_threads, /*keeps_bad=*/true});
    for (std::size_t i = 0; i < models_.size(); ++i) rows_.emplace_back();
    Progress progress("images", count);
    for (PixelBatch batch; loader.next(batch);) {
      const std::vector<std::int64_t> good = note_bad(batch, dataset);
      const bool too_many = static_cast<std::int64_t>(bad_.names.size()) > options.skip_bad;
      if (!good.empty() && !too_many) encode_batch(batch, good, dataset);
      progress.advance(batch.count);
    }
    bad_.require_at_most(options.skip_bad, dataset, count);
    if (items_.empty()) throw InputError(cat(dataset.spec(), ": no image is left"));
    if (!options.logs_passes) return;
    log::info(cat(items_.size(), " images through ", models_.size(),
                  models_.size() == 1 ? " model in " : " models in ", fixed(wall.lap(), 1), " s, ",
                  fixed(forward_seconds_, 1), " s of them in forward passes"));
  }

  /// The features of the i-th model.
  at::Tensor features(std::size_t i) const { return at::cat(rows_[i]); }

  const std::vector<std::int64_t>& items() const { return items_; }
  const std::vector<std::string>& skipped() const { return bad_.names; }

 private:
  /// Positions of the batch that can be used; notes the others.
  std::vector<std::int64_t> note_bad(const PixelBatch& batch, const Dataset& dataset) {
    std::vector<std::int64_t> good;
    auto bad = batch.bad.begin();
    for (std::int64_t i = 0; i < batch.count; ++i) {
      if (bad != batch.bad.end() && bad->position == i) {
        bad_.add(dataset.item_name(batch.first + i), bad++->reason);
      } else {
        good.push_back(i);
        items_.push_back(batch.first + i);
      }
    }
    return good;
  }

  void encode_batch(PixelBatch& batch, const std::vector<std::int64_t>& good,
                    const Dataset& dataset) {
    Stopwatch watch;
    const auto name_of_row = [&](std::int64_t row) {
      return dataset.item_name(batch.first + good[static_cast<std::size_t>(row)]);
    };
    for (std::size_t i = 0; i < models_.size(); ++i) {
      const ClipModel& model = *models_[i].model;
      at::Tensor pixels = pixels_of(batch, model.preprocess, preprocess_of_[i]);
      if (!batch.bad.empty()) pixels = at::index_select(pixels, 0, at::tensor(good));
      rows_[i].push_back(encode(model, pixels, feature_));
      require_finite(rows_[i].back(), model, Tower::kImage, pixels, models_[i].place(),
                     name_of_row);
    }
    forward_seconds_ += watch.lap();
  }

  std::vector<EvaluatedModel> models_;
  ImageFeature feature_;
  std::vector<Preprocess> preprocesses_;    ///< the different ones
  std::vector<std::size_t> preprocess_of_;  ///< by model
  std::vector<std::vector<at::Tensor>> rows_;
  std::vector<std::int64_t> items_;
  Undecodable bad_;
  double forward_seconds_ = 0;
};

/// Rows of tokens without their repetitions, shortest first.
struct DistinctTokens {
  std::vector<std::int64_t> rows;  ///< of the tokens, one for each distinct text, by length
  std::vector<std::int64_t> of;    ///< for each text, the place of its like in `rows`
};

DistinctTokens distinct_tokens(const at::Tensor& tokens, const TextTower& tower) {
  const std::int64_t length = tokens.size(1);
  const auto* ids = tokens.const_data_ptr<std::int32_t>();
  std::unordered_map<std::string, std::int64_t> first;
  std::vector<std::int64_t> first_like;
  std::vector<std::int64_t> distinct;
  for (std::int64_t i = 0; i < tokens.size(0); ++i) {
    const std::string text(reinterpret_cast<const char*>(ids + i * length),
                           sizeof(std::int32_t) * length);
    const auto [found, is_new] = first.emplace(text, i);
    first_like.push_back(found->second);
    if (is_new) distinct.push_back(i);
  }
  const at::Tensor lengths = tower.lengths(tokens);
  const auto* length_of = lengths.const_data_ptr<std::int64_t>();
  std::stable_sort(distinct.begin(), distinct.end(), [length_of](std::int64_t a, std::int64_t b) {
    return length_of[a] < length_of[b];
  });
  std::unordered_map<std::int64_t, std::int64_t> place;
  for (std::size_t i = 0; i < distinct.size(); ++i) {
    place[distinct[i]] = static_cast<std::int64_t>(i);
  }
  DistinctTokens result{std::move(distinct), {}};
  for (const std::int64_t like : first_like) result.of.push_back(place[like]);
  return result;
}

/// Embeddings of rows of tokens, batch by batch in the order given.
/// @param name_of_row what messages call a row
template <typename NameOfRow>
at::Tensor encode_in_order(const EvaluatedModel& evaluated, const at::Tensor& tokens,
                           std::int64_t batch_size, const NameOfRow& name_of_row) {
  const ClipModel& model = *evaluated.model;
  const std::int64_t count = tokens.size(0);
  at::Tensor embeddings = at::empty({count, model.text->config().embed_dim});
  Progress progress("texts", count);
  for (std::int64_t first = 0; first < count; first += batch_size) {
    const std::int64_t rows = std::min(batch_size, count - first);
    const at::Tensor part = tokens.narrow(0, first, rows);
    const at::Tensor embedded = model.encode_text(part);
    require_finite(embedded, model, Tower::kText, part, evaluated.place(),
                   [&](std::int64_t row) { return name_of_row(first + row); });
    embeddings.narrow(0, first, rows).copy_(embedded);
    progress.advance(rows);
  }
  return embeddings;
}

at::Tensor encode_tokens(const EvaluatedModel& model, const at::Tensor& tokens,
                         const std::vector<std::string>& texts, std::int64_t batch_size) {
  Stopwatch watch;
  at::Tensor embeddings;
  std::size_t distinct_count = 0;
  const auto quoted = [&texts](std::int64_t text) {
    return cat("the text \"", texts[static_cast<std::size_t>(text)], "\"");
  };
  if (model.model->text->needs_whole_batch()) {
    embeddings = encode_in_order(model, tokens, batch_size, quoted);
    distinct_count = static_cast<std::size_t>(tokens.size(0));
  } else {
    const DistinctTokens distinct = distinct_tokens(tokens, *model.model->text);
    distinct_count = distinct.rows.size();
    const at::Tensor sorted = at::index_select(tokens, 0, at::tensor(distinct.rows));
    const auto quoted_distinct = [&](std::int64_t row) {
      return quoted(distinct.rows[static_cast<std::size_t>(row)]);
    };
    embeddings = at::index_select(encode_in_order(model, sorted, batch_size, quoted_distinct), 0,
                                  at::tensor(distinct.of));
  }
  log::debug(cat(tokens.size(0), " texts (", distinct_count, " embedded) in ",
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
  ImageFeatures features;
  std::vector<std::string> keys;
  std::vector<EvaluatedModel> running;
  for (const EvaluatedModel& each : models_) {
    const std::string input =
        cat(feature == ImageFeature::kEmbedding ? "images " : "pooled ", source.content.sha256,
            "\n", to_json(each.model->preprocess).dump());
    keys.push_back(
        cache_key(each, each.model->image->needs_whole_batch(), options_.batch_size, input));
    const auto cached = keys.back().empty() ? std::nullopt : options_.cache.find(keys.back());
    features.rows.push_back(cached && cached->size(0) == source.count ? *cached : at::Tensor());
    if (!features.rows.back().defined()) running.push_back(each);
  }
  features.items = first_indices(source.count);
  if (!running.empty()) {
    ImagePass pass(running, feature);
    pass.run(source.dataset, source.count, options_);
    features.items = pass.items();
    features.skipped = pass.skipped();
    for (std::size_t i = 0, ran = 0; i < models_.size(); ++i) {
      if (features.rows[i].defined()) continue;
      features.rows[i] = pass.features(ran++);
      if (!keys[i].empty() && features.skipped.empty()) {
        options_.cache.store(keys[i], features.rows[i]);
      }
    }
  }
  save(features.rows, name);
  return features;
}

std::vector<at::Tensor> Encoder::texts(const std::vector<std::string>& texts,
                                       const std::string& name) const {
  require_towers(Tower::kText);
  std::vector<at::Tensor> embeddings;
  Stopwatch watch;
  for (const EvaluatedModel& each : models_) {
    const at::Tensor tokens = tokens_of(texts, *each.tokenizer, each.model->text->config());
    const std::string key =
        cache_key(each, each.model->text->needs_whole_batch(), options_.batch_size,
                  cat("texts ", sha256_of(bytes_of(tokens))));
    const auto cached = key.empty() ? std::nullopt : options_.cache.find(key);
    if (cached && cached->size(0) == tokens.size(0)) {
      embeddings.push_back(*cached);
      continue;
    }
    embeddings.push_back(encode_tokens(each, tokens, texts, options_.batch_size));
    if (!key.empty()) options_.cache.store(key, embeddings.back());
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

void Encoder::save(const std::vector<at::Tensor>& features, const std::string& name) const {
  if (options_.save_folder.empty()) return;
  for (std::size_t i = 0; i < features.size(); ++i) {
    const at::Tensor rows = features[i].contiguous();
    write_npy(options_.save_folder / cat(models_[i].label, "-", name, ".npy"),
              rows.const_data_ptr<float>(), rows.sizes().vec());
  }
}

}  // namespace clipq
