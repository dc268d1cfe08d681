#include "clipq/model/vit_tower.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/zeros.h>

#include "clipq/model/patches.h"
#include "infer_transformer.h"
#include "tower_parts.h"

namespace clipq {

VitTower::VitTower(const ImageTowerConfig& config)
    : transformer(config, /*causal=*/false), config_(config) {
  apply(config.settings);
}

at::Tensor VitTower::encode(const at::Tensor& pixels) const { return project(pool(pixels)); }

at::Tensor VitTower::embed(const at::Tensor& pixels) const {
  const at::Tensor embedded = patches->forward(patchify(pixels, config_.patch_size));
  const at::Tensor class_tokens = class_token.expand({pixels.size(0), 1, config_.width});
  return first_norm.forward(at::cat({class_tokens, embedded}, 1).add(positions));
}

StagedBatch VitTower::start(const at::Tensor& pixels) const {
  return {pixels, at::zeros({pixels.size(0)}, at::kLong), 0};
}

at::Tensor VitTower::pool(const at::Tensor& pixels) const {
  return last_norm.forward(transformer.forward_pooled(embed(pixels), start(pixels).positions));
}

at::Tensor VitTower::run_block(const StagedBatch& batch, std::size_t block) const {
  return transformer.run_block(block, batch.x, batch.positions);
}

at::Tensor VitTower::pool_blocks(const StagedBatch& batch) const {
  return last_norm.forward(transformer.take_pooled(batch.x, batch.positions));
}

at::Tensor VitTower::project(const at::Tensor& pooled) const { return projection->forward(pooled); }

std::vector<at::Tensor> VitTower::block_outputs(const at::Tensor& pixels) const {
  return transformer.block_outputs(embed(pixels));
}

bool VitTower::needs_whole_batch() const {
  return patches->needs_whole_batch() || transformer.needs_whole_batch() ||
         projection->needs_whole_batch();
}

void VitTower::add_parts(ModelParts& parts) {
  const std::int64_t width = config_.width;
  const PartPlace tower = {"visual", Tower::kImage, config_.tokens()};
  PartPlace pooled = tower;
  pooled.rows = 1;
  pooled.stage = stages() - 1;
  add_patches(parts, tower, config_, patches);
  parts.tensors.push_back({tower.of("class_embedding"), &class_token, {width}, TensorUse::kToken});
  add_positions(parts, tower, positions, width);
  clipq::add_parts(parts, tower.of("ln_pre"), first_norm, width);
  transformer.add_parts(parts, tower.of("transformer"));
  clipq::add_parts(parts, pooled.of("ln_post"), last_norm, width);
  add_projection(parts, pooled.of("proj"), config_, projection, last_norm);
}

void VitTower::apply(const TowerSettings& settings) {
  config_.settings = settings;
  first_norm.eps = settings.layer_norm_eps;
  last_norm.eps = settings.layer_norm_eps;
  transformer.apply(settings);
}

ImageTowerConfig infer_vit_config(const StateDict& state, const std::string& where) {
  ImageTowerConfig config;
  config.embed_dim = find_tensor(state, "visual.proj", 2, where).size(1);
  infer_patches(config, state, /*other_tokens=*/1, where);
  infer_transformer(config, find_tensor(state, "visual.conv1.weight", 4, where).size(0), state,
                    "visual.transformer");
  return config;
}

}  // namespace clipq
