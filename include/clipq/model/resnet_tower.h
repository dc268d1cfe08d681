#pragma once

#include <memory>
#include <string>
#include <vector>

#include "clipq/model/attention_pool_2d.h"
#include "clipq/model/layer_profile.h"
#include "clipq/model/resnet.h"
#include "clipq/model/state_dict.h"
#include "clipq/model/tower_network.h"

namespace clipq {

/// A whole tower up to its projection in one go, where there is a faster way than layer by layer.
class ResNetRunner {
 public:
  virtual ~ResNetRunner() = default;

  /// As ResNetTower's.
  /// @param attention_pool the tower's, for a runner that computes only what comes before it
  virtual at::Tensor pool(const at::Tensor& pixels,
                          const AttentionPool2d& attention_pool) const = 0;

  /// The same with the time of each layer added to `profile` under its name.
  virtual std::shared_ptr<const ResNetRunner> profiled(
      std::shared_ptr<LayerProfile> profile) const = 0;
};

/// The image tower of OpenAI's RN50 and its kin: convolutions, and attention that pools their last
/// map into the embedding.
class ResNetTower final : public ImageTower {
 public:
  /// Without weights yet.
  explicit ResNetTower(const ImageTowerConfig& config);

  std::unique_ptr<ImageTower> clone() const override {
    return std::make_unique<ResNetTower>(*this);
  }
  const ImageTowerConfig& config() const override { return config_; }
  at::Tensor encode(const at::Tensor& pixels) const override;
  at::Tensor pool(const at::Tensor& pixels) const override;
  std::vector<at::Tensor> block_outputs(const at::Tensor& pixels) const override;
  bool needs_whole_batch() const override;
  void add_parts(ModelParts& parts) override;
  void apply(const TowerSettings& settings) override;
  void accept(TowerVisitor& visitor) const override { visitor.visit(*this); }

  ResNet resnet;
  AttentionPool2d attention_pool;
  std::shared_ptr<const ResNetRunner> runner;  ///< null: layer by layer

 protected:
  at::Tensor embed(const at::Tensor& pixels) const override;
  at::Tensor run_block(const StagedBatch& batch, std::size_t block) const override;
  at::Tensor pool_blocks(const StagedBatch& batch) const override;
  at::Tensor project(const at::Tensor& pooled) const override;

 private:
  ImageTowerConfig config_;
};

/// Whether tensors with canonical names are those of such a tower.
bool has_resnet(const StateDict& state);

/// The config of such a tower as its tensors tell it, BatchNorm folded. Throws InputError that
/// names `where` and what is missing.
ImageTowerConfig infer_resnet_config(const StateDict& state, const std::string& where);

}  // namespace clipq
