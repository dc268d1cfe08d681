#pragma once

#include <memory>
#include <string>

#include "clipq/model/embedding.h"
#include "clipq/model/state_dict.h"
#include "clipq/model/tower_network.h"
#include "clipq/model/transformer.h"

namespace clipq {

/// A text tower: token and position embeddings, blocks, and the LayerNorm and projection of one
/// token. In a causal one what comes after the pooled token of a batch's longest text isn't
/// computed, unless a layer needs the whole batch; in another one every text has the full context.
class TransformerTextTower final : public TextTower {
 public:
  /// Without weights yet.
  explicit TransformerTextTower(const TextTowerConfig& config);

  std::unique_ptr<TextTower> clone() const override {
    return std::make_unique<TransformerTextTower>(*this);
  }
  const TextTowerConfig& config() const override { return config_; }
  at::Tensor encode(const at::Tensor& tokens) const override;
  at::Tensor lengths(const at::Tensor& tokens) const override;
  std::vector<at::Tensor> block_outputs(const at::Tensor& tokens) const override;
  StagedBatch start(const at::Tensor& tokens) const override;
  bool leaves_out_tokens() const override { return transformer.leaves_out_tokens(); }
  bool needs_whole_batch() const override;
  void add_parts(ModelParts& parts) override;
  void apply(const TowerSettings& settings) override;
  void apply(const TextReading& reading) override;
  void accept(TowerVisitor& visitor) const override { visitor.visit(*this); }

  std::shared_ptr<const Embedding> token_table;  ///< [vocab_size, width]
  at::Tensor positions;                          ///< [context_length, width]
  Transformer transformer;
  LayerNorm last_norm;
  std::shared_ptr<const Linear> projection;  ///< [embed_dim, width]

 protected:
  at::Tensor embed(const at::Tensor& tokens) const override;
  at::Tensor run_block(const StagedBatch& batch, std::size_t block) const override;
  at::Tensor pool_blocks(const StagedBatch& batch) const override;
  at::Tensor project(const at::Tensor& pooled) const override;

 private:
  /// Of each text's pooled token: int64 [batch].
  at::Tensor pooled_positions(const at::Tensor& tokens) const;

  TextTowerConfig config_;
};

/// Whether a state dict with canonical names has tensors of a text tower.
bool has_text_tower(const StateDict& state);

/// The config of a text tower as its tensors tell it, pooled and causal as OpenAI's. Throws
/// InputError that names `where` and what is missing.
TextTowerConfig infer_text_config(const StateDict& state, const std::string& where);

}  // namespace clipq
