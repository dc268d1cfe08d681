#include "clipq/model/resnet_tower.h"

#include <algorithm>
#include <cmath>

#include "clipq/core/error.h"
#include "clipq/core/strings.h"
#include "infer_transformer.h"

namespace clipq {
namespace {

constexpr const char* kFirstBlock = "visual.layer1.0.conv1.weight";
constexpr const char* kPositions = "visual.attnpool.positional_embedding";

}  // namespace

ResNetTower::ResNetTower(const ImageTowerConfig& config)
    : resnet(config), attention_pool(config), config_(config) {}

at::Tensor ResNetTower::encode(const at::Tensor& pixels) const { return project(pool(pixels)); }

at::Tensor ResNetTower::pool(const at::Tensor& pixels) const {
  if (runner) return runner->pool(pixels, attention_pool);
  return attention_pool.attend(resnet.forward(pixels));
}

at::Tensor ResNetTower::embed(const at::Tensor& pixels) const { return resnet.embed(pixels); }

at::Tensor ResNetTower::run_block(const StagedBatch& batch, std::size_t block) const {
  return resnet.blocks[block].forward(batch.x);
}

at::Tensor ResNetTower::pool_blocks(const StagedBatch& batch) const {
  return attention_pool.attend(batch.x);
}

at::Tensor ResNetTower::project(const at::Tensor& pooled) const {
  return attention_pool.output->forward(pooled);
}

std::vector<at::Tensor> ResNetTower::block_outputs(const at::Tensor& pixels) const {
  return resnet.block_outputs(pixels);
}

bool ResNetTower::needs_whole_batch() const {
  return resnet.needs_whole_batch() || attention_pool.needs_whole_batch();
}

void ResNetTower::add_parts(ModelParts& parts) {
  const PartPlace tower = {"visual", Tower::kImage, config_.tokens()};
  parts.resnets.push_back({tower, this});
  resnet.add_parts(parts, tower);
  PartPlace pooling = tower.of("attnpool");
  pooling.stage = pooling_stage();
  pooling.group = pooling.name;
  attention_pool.add_parts(parts, pooling);
}

void ResNetTower::apply(const TowerSettings& settings) {
  config_.settings = settings;
  attention_pool.apply(settings);
}

bool has_resnet(const StateDict& state) { return state.count(kFirstBlock) > 0; }

ImageTowerConfig infer_resnet_config(const StateDict& state, const std::string& where) {
  ImageTowerConfig config;
  config.pooling = ImagePooling::kMeanQuery;
  config.patch_size = ResNetStages::kShrinking;
  config.stages.width = find_tensor(state, kFirstBlock, 4, where).size(0);
  for (std::size_t stage = 0; stage < config.stages.blocks.size(); ++stage) {
    config.stages.blocks[stage] = count_blocks(state, cat("visual.layer", stage + 1, "."));
    config.layers += config.stages.blocks[stage];
  }
  const at::Tensor& positions = find_tensor(state, kPositions, 2, where);
  config.width = positions.size(1);
  config.embed_dim = find_tensor(state, "visual.attnpool.c_proj.weight", 2, where).size(0);
  config.settings.heads = heads_of(config.width);
  if (positions.size(0) < 2) {
    throw InputError(cat(where, ": ", kPositions, " has ", positions.size(0),
                         " rows, expected those of the mean and of the positions of the last map"));
  }
  const double side = std::sqrt(static_cast<double>(positions.size(0) - 1));
  config.resolution = config.patch_size * std::lround(side);
  return config;
}

}  // namespace clipq
