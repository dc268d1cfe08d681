#pragma once

#include <memory>
#include <optional>
#include <string>

#include "clipq/model/state_dict.h"
#include "clipq/model/tower_network.h"
#include "clipq/model/transformer.h"

namespace clipq {

/// CLIP's ViT image tower: a patch convolution, a class token, positions, a LayerNorm, blocks, the
/// class token's LayerNorm and projection.
class VitTower final : public ImageTower {
 public:
  /// Without weights yet.
  explicit VitTower(const ImageTowerConfig& config);

  std::unique_ptr<ImageTower> clone() const override { return std::make_unique<VitTower>(*this); }
  const ImageTowerConfig& config() const override { return config_; }
  at::Tensor encode(const at::Tensor& pixels) const override;
  at::Tensor pool(const at::Tensor& pixels) const override;
  std::vector<at::Tensor> block_outputs(const at::Tensor& pixels) const override;
  StagedBatch start(const at::Tensor& pixels) const override;
  bool leaves_out_tokens() const override { return transformer.leaves_out_tokens(); }
  bool needs_whole_batch() const override;
  void add_parts(ModelParts& parts) override;
  void apply(const TowerSettings& settings) override;
  void accept(TowerVisitor& visitor) const override { visitor.visit(*this); }

  std::shared_ptr<const Linear> patches;  ///< the patch convolution over flattened patches:
                                          ///< [width, 3 * patch * patch], no bias
  at::Tensor class_token;                 ///< [width]
  at::Tensor positions;                   ///< [tokens, width]
  LayerNorm first_norm;
  Transformer transformer;
  LayerNorm last_norm;
  std::shared_ptr<const Linear> projection;  ///< [embed_dim, width], no bias

 protected:
  at::Tensor embed(const at::Tensor& pixels) const override;
  at::Tensor run_block(const StagedBatch& batch, std::size_t block) const override;
  at::Tensor pool_blocks(const StagedBatch& batch) const override;
  at::Tensor project(const at::Tensor& pooled) const override;

 private:
  ImageTowerConfig config_;
};

/// The config of a ViT as its tensors tell it. Throws InputError that names `where` and what is
/// missing.
ImageTowerConfig infer_vit_config(const StateDict& state, const std::string& where);

}  // namespace clipq
