#include "clipq/model/clip_model.h"

#include "clipq/core/error.h"
#include "clipq/core/strings.h"

namespace clipq {
namespace {

void require_images(const at::Tensor& pixels, const ClipConfig& config) {
  const std::int64_t side = config.image_resolution;
  if (pixels.dim() != 4 || pixels.size(1) != 3 || pixels.size(2) != side ||
      pixels.size(3) != side) {
    throw InputError(cat("encode_image: got shape ", pixels.sizes(), ", expected [n, 3, ", side,
                         ", ", side, "]"));
  }
}

}  // namespace

at::Tensor ClipModel::encode_image(const at::Tensor& pixels) const {
  require_images(pixels, config);
  const at::Tensor rows = visual.encode(pixels, config);
  return config.vision.normalized ? normalize_rows(rows) : rows;
}

at::Tensor ClipModel::pool_image(const at::Tensor& pixels) const {
  require_images(pixels, config);
  return visual.pool(pixels, config);
}

at::Tensor ClipModel::encode_text(const at::Tensor& tokens) const {
  if (tokens.dim() != 2 || tokens.size(1) < 1 || tokens.size(1) > config.context_length) {
    throw InputError(cat("encode_text: got shape ", tokens.sizes(), ", expected [n, 1 to ",
                         config.context_length, "]"));
  }
  if (tokens.numel() > 0 && (tokens.min().item<std::int64_t>() < 0 ||
                             tokens.max().item<std::int64_t>() >= config.vocab_size)) {
    throw InputError(cat("encode_text: token ids up to ", tokens.max().item<std::int64_t>(),
                         ", but the model's vocabulary has ", config.vocab_size,
                         " entries; give the model's own merges with --bpe"));
  }
  const at::Tensor rows = text.encode(tokens);
  return config.text.normalized ? normalize_rows(rows) : rows;
}

void apply_settings(ClipModel& model) {
  for (LayerNorm* norm : {&model.visual.ln_pre, &model.visual.ln_post}) {
    norm->eps = model.config.vision.layer_norm_eps;
  }
  model.text.ln_final.eps = model.config.text.layer_norm_eps;
  for (const Tower tower : {Tower::kVisual, Tower::kText}) {
    const TowerSettings& settings = model.config.settings(tower);
    for (Block& block : model.blocks(tower)) {
      block.activation = settings.activation;
      block.ln_1.eps = settings.layer_norm_eps;
      block.ln_2.eps = settings.layer_norm_eps;
    }
  }
}

ClipModel with_settings(ClipModel model, Tower tower, const TowerSettings& settings) {
  model.config.settings(tower) = settings;
  for (Block& block : model.blocks(tower)) {
    block.attention = std::make_shared<FloatAttention>(settings.heads, block.attention->causal());
  }
  apply_settings(model);
  return model;
}

at::Tensor normalize_rows(const at::Tensor& x) {
  return x.div(x.norm(2, -1, /*keepdim=*/true).clamp_min_(1e-12));
}

at::Tensor row_cosines(const at::Tensor& a, const at::Tensor& b) {
  return normalize_rows(a.to(at::kDouble)).mul(normalize_rows(b.to(at::kDouble))).sum(-1);
}

}  // namespace clipq
