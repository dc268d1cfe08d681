#pragma once

#include <memory>
#include <string>

#include "clipq/model/embedding.h"
#include "clipq/model/state_dict.h"
#include "clipq/model/tower_network.h"
#include "clipq/model/transformer.h"

namespace clipq {

/// CLIP's causal text tower, pooled at the end-of-text token: the one with the largest id. What
/// comes after the longest text of a batch isn't computed, unless a layer needs the whole batch.
class CausalTextTower final : public TextTower {
 public:
  /// Without weights yet.
  explicit CausalTextTower(const TextTowerConfig& config);

  std::unique_ptr<TextTower> clone() const override {
    return std::make_unique<CausalTextTower>(*this);
  }
  const TextTowerConfig& config() const override { return config_; }
  at::Tensor encode(const at::Tensor& tokens) const override;
  at::Tensor lengths(const at::Tensor& tokens) const override;
  std::vector<at::Tensor> block_outputs(const at::Tensor& tokens) const override;
  bool needs_whole_batch() const override;
  void add_parts(ModelParts& parts) override;
  void apply(const TowerSettings& settings) override;
  void accept(TowerVisitor& visitor) const override { visitor.visit(*this); }

  std::shared_ptr<const Embedding> token_table;  ///< [vocab_size, width]
  at::Tensor positions;                          ///< [context_length, width]
  Transformer transformer;
  LayerNorm last_norm;
  std::shared_ptr<const Linear> projection;  ///< [embed_dim, width], no bias

 private:
  /// What the first block is given: float32 [batch, length, width].
  at::Tensor embed(const at::Tensor& tokens) const;

  TextTowerConfig config_;
};

/// The config of a causal text tower as its tensors tell it. Throws InputError that names `where`
/// and what is missing.
TextTowerConfig infer_causal_text_config(const StateDict& state, const std::string& where);

}  // namespace clipq
