#include "clipq/model/clip_model.h"

#include "clipq/core/error.h"
#include "clipq/core/setting.h"
#include "clipq/core/strings.h"
#include "clipq/model/attention_pooled_vit.h"
#include "clipq/model/resnet_tower.h"
#include "clipq/model/transformer_text_tower.h"
#include "clipq/model/vit_tower.h"

namespace clipq {
namespace {

void require_images(const at::Tensor& pixels, const ImageTowerConfig& config) {
  const std::int64_t side = config.resolution;
  if (pixels.dim() != 4 || pixels.size(1) != 3 || pixels.size(2) != side ||
      pixels.size(3) != side) {
    throw InputError(cat("encode_image: got shape ", pixels.sizes(), ", expected [n, 3, ", side,
                         ", ", side, "]"));
  }
}

void require_tokens(const at::Tensor& tokens, const TextTowerConfig& config) {
  const std::int64_t least = config.causal ? 1 : config.context_length;
  if (tokens.dim() != 2 || tokens.size(1) < least || tokens.size(1) > config.context_length) {
    throw InputError(cat("encode_text: got shape ", tokens.sizes(), ", expected [n, ",
                         config.causal ? "1 to " : "", config.context_length, "]"));
  }
  if (tokens.numel() > 0 && (tokens.min().item<std::int64_t>() < 0 ||
                             tokens.max().item<std::int64_t>() >= config.vocab_size)) {
    throw InputError(cat("encode_text: token ids up to ", tokens.max().item<std::int64_t>(),
                         ", but the model's vocabulary has ", config.vocab_size,
                         " entries; pass the model's own merges file"),
                     {{Setting::kMerges}});
  }
}

Cloned<ImageTower> make_image_tower(const ImageTowerConfig& config) {
  switch (config.pooling) {
    case ImagePooling::kClassToken:
      return std::make_unique<VitTower>(config);
    case ImagePooling::kAttention:
      return std::make_unique<AttentionPooledVit>(config);
    case ImagePooling::kMeanQuery:
      return std::make_unique<ResNetTower>(config);
  }
  throw InternalError("an image pooling without a tower");
}

/// What the tower's settings make of what its projection returns.
at::Tensor embeddings_of(const TowerNetwork& tower, const at::Tensor& rows) {
  return tower.config().settings.normalized ? normalize_rows(rows) : rows;
}

}  // namespace

ClipConfig ClipModel::config() const {
  ClipConfig config;
  if (image) config.image = image->config();
  if (text) config.text = text->config();
  return config;
}

std::vector<Tower> ClipModel::towers() const { return config().towers(); }

const TowerNetwork& ClipModel::tower(Tower tower) const {
  if (tower == Tower::kImage) return *image;
  return *text;
}

TowerNetwork& ClipModel::tower(Tower tower) {
  if (tower == Tower::kImage) return *image;
  return *text;
}

at::Tensor ClipModel::encode_image(const at::Tensor& pixels) const {
  require_tower(*this, Tower::kImage, "the model");
  require_images(pixels, image->config());
  return embeddings_of(*image, image->encode(pixels));
}

at::Tensor ClipModel::pool_image(const at::Tensor& pixels) const {
  require_tower(*this, Tower::kImage, "the model");
  require_images(pixels, image->config());
  return image->pool(pixels);
}

at::Tensor ClipModel::encode_text(const at::Tensor& tokens) const {
  require_tower(*this, Tower::kText, "the model");
  require_tokens(tokens, text->config());
  return embeddings_of(*text, text->encode(tokens));
}

at::Tensor ClipModel::encode(Tower tower, const at::Tensor& input) const {
  return tower == Tower::kImage ? encode_image(input) : encode_text(input);
}

at::Tensor ClipModel::finish(Tower which, const StagedBatch& batch) const {
  const TowerNetwork& network = tower(which);
  return embeddings_of(network, network.advance(batch, network.stages()).x);
}

void require_tower(const ClipModel& model, Tower tower, const std::string& name) {
  if (model.has(tower)) return;
  throw UsageError(cat(name, " has no ", name_of(tower), " tower; it embeds ",
                       tower == Tower::kImage ? "texts only" : "images only"));
}

ClipModel make_towers(const ClipConfig& config) {
  ClipModel model;
  if (config.image) model.image = make_image_tower(*config.image);
  if (config.text) model.text = std::make_unique<TransformerTextTower>(*config.text);
  return model;
}

ClipModel tower_alone(ClipModel model, Tower tower) {
  if (tower == Tower::kImage) {
    model.text = {};
  } else {
    model.image = {};
  }
  model.logit_scale.reset();
  return model;
}

ModelParts parts_of(ClipModel& model) {
  ModelParts parts;
  for (const Tower tower : model.towers()) model.tower(tower).add_parts(parts);
  return parts;
}

ClipModel with_settings(ClipModel model, Tower tower, const TowerSettings& settings) {
  model.tower(tower).apply(settings);
  return model;
}

ClipModel with_reading(ClipModel model, const TextReading& reading) {
  model.text->apply(reading);
  return model;
}

at::Tensor normalize_rows(const at::Tensor& x) {
  return x.div(x.norm(2, -1, /*keepdim=*/true).clamp_min_(1e-12));
}

at::Tensor row_cosines(const at::Tensor& a, const at::Tensor& b) {
  return normalize_rows(a.to(at::kDouble)).mul(normalize_rows(b.to(at::kDouble))).sum(-1);
}

}  // namespace clipq
