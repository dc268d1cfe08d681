#include "clipq/model/attention_pooled_vit.h"

#include "clipq/model/patches.h"
#include "infer_transformer.h"
#include "tower_parts.h"

namespace clipq {
namespace {

constexpr const char* kQuery = "visual.attn_pool.query";

}  // namespace

AttentionPooledVit::AttentionPooledVit(const ImageTowerConfig& config)
    : transformer(config, /*causal=*/false), attention_pool(config), config_(config) {
  apply(config.settings);
}

at::Tensor AttentionPooledVit::embed(const at::Tensor& pixels) const {
  return patches->forward(patchify(pixels, config_.patch_size)).add(positions);
}

at::Tensor AttentionPooledVit::pool(const at::Tensor& pixels) const {
  return pool_blocks({transformer.forward(embed(pixels)), {}, pooling_stage()});
}

at::Tensor AttentionPooledVit::run_block(const StagedBatch& batch, std::size_t block) const {
  return transformer.blocks[block].forward(batch.x);
}

at::Tensor AttentionPooledVit::pool_blocks(const StagedBatch& batch) const {
  return attention_pool.forward(last_norm.forward(batch.x));
}

std::vector<at::Tensor> AttentionPooledVit::block_outputs(const at::Tensor& pixels) const {
  return transformer.block_outputs(embed(pixels));
}

bool AttentionPooledVit::needs_whole_batch() const {
  return patches->needs_whole_batch() || transformer.needs_whole_batch() ||
         attention_pool.needs_whole_batch();
}

void AttentionPooledVit::add_parts(ModelParts& parts) {
  const PartPlace tower = {"visual", Tower::kImage, config_.tokens()};
  add_patches(parts, tower, config_, patches);
  parts.linears.back().stored.bias = "visual.conv1.bias";
  add_positions(parts, tower, positions, config_.width);
  transformer.add_parts(parts, tower.of("transformer"));
  parts.transformers.back().pooled = false;
  clipq::add_parts(parts, tower.of("ln_post"), last_norm, config_.width);
  PartPlace pooling = tower.of("attn_pool");
  pooling.stage = pooling_stage();
  pooling.group = pooling.name;
  attention_pool.add_parts(parts, pooling, last_norm);
}

void AttentionPooledVit::apply(const TowerSettings& settings) {
  config_.settings = settings;
  last_norm.eps = settings.layer_norm_eps;
  transformer.apply(settings);
  attention_pool.apply(settings);
}

bool has_attention_pool(const StateDict& state) { return state.count(kQuery) > 0; }

ImageTowerConfig infer_attention_pooled_vit_config(const StateDict& state,
                                                   const std::string& where) {
  ImageTowerConfig config;
  config.pooling = ImagePooling::kAttention;
  infer_patches(config, state, /*other_tokens=*/0, where);
  infer_transformer(config, find_tensor(state, kQuery, 1, where).size(0), state,
                    "visual.transformer");
  config.embed_dim = config.width;
  return config;
}

}  // namespace clipq
