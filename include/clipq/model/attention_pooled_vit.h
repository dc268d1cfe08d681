#pragma once

#include <memory>
#include <optional>
#include <string>

#include "clipq/model/attention_pool.h"
#include "clipq/model/state_dict.h"
#include "clipq/model/tower_network.h"
#include "clipq/model/transformer.h"

namespace clipq {

/// SigLIP's image tower: a patch convolution with a bias, positions, blocks, a LayerNorm of all
/// tokens, and attention that pools them into the embedding. No class token, no projection.
class AttentionPooledVit final : public ImageTower {
 public:
  /// Without weights yet.
  explicit AttentionPooledVit(const ImageTowerConfig& config);

  std::unique_ptr<ImageTower> clone() const override {
    return std::make_unique<AttentionPooledVit>(*this);
  }
  const ImageTowerConfig& config() const override { return config_; }
  at::Tensor encode(const at::Tensor& pixels) const override { return pool(pixels); }
  at::Tensor pool(const at::Tensor& pixels) const override;
  std::vector<at::Tensor> block_outputs(const at::Tensor& pixels) const override;
  bool needs_whole_batch() const override;
  void add_parts(ModelParts& parts) override;
  void apply(const TowerSettings& settings) override;
  void accept(TowerVisitor& visitor) const override { visitor.visit(*this); }

  std::shared_ptr<const Linear> patches;  ///< as VitTower's, with a bias
  at::Tensor positions;                   ///< [patches, width]
  Transformer transformer;
  LayerNorm last_norm;
  AttentionPool attention_pool;

 protected:
  at::Tensor embed(const at::Tensor& pixels) const override;
  at::Tensor run_block(const StagedBatch& batch, std::size_t block) const override;
  at::Tensor pool_blocks(const StagedBatch& batch) const override;
  at::Tensor project(const at::Tensor& pooled) const override { return pooled; }

 private:
  ImageTowerConfig config_;
};

/// Whether tensors with canonical names are those of such a tower.
bool has_attention_pool(const StateDict& state);

/// The config of such a tower as its tensors tell it. Throws InputError that names `where` and what
/// is missing.
ImageTowerConfig infer_attention_pooled_vit_config(const StateDict& state,
                                                   const std::string& where);

}  // namespace clipq
