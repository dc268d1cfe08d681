#pragma once

#include <memory>
#include <string>
#include <vector>

#include "clipq/kernels/attention_path.h"
#include "clipq/model/transformer.h"
#include "clipq/native/idle_pool.h"

namespace clipq {

class NativeBlock;
struct TowerBatch;

/// What all blocks of a tower have in common.
struct BlockChoices {
  const AttentionPath* attention = &float32_attention_path();  ///< where it isn't quantized
};

/// All blocks of a tower on native kernels. A thread takes an item through a whole block, or, where
/// there are fewer items than threads, a panel of rows through what stands between two attentions.
/// Where weights are dequantized for few rows, it takes some columns of each layer. Activations
/// stay in a core's cache, and nothing is allocated once a batch of that size has run. Of a causal
/// tower nothing after an item's position is computed.
class NativeTransformer final : public TransformerRunner {
 public:
  /// Whether every linear of the blocks is native and none needs the whole batch.
  static bool can_run(const std::vector<Block>& blocks);

  /// @param blocks as can_run() wants them; their layers are shared
  /// @param name canonical path of the transformer, for the profile
  NativeTransformer(const std::vector<Block>& blocks, const BlockChoices& choices,
                    const std::string& name);
  ~NativeTransformer() override;

  /// Whether no block's attention is quantized.
  bool has_float_attention() const;

  /// Whether every block's attention is computed head by head.
  bool attends_by_heads() const;

  at::Tensor forward(const at::Tensor& x) const override;
  at::Tensor forward_pooled(const at::Tensor& x, const at::Tensor& positions) const override;

  bool skips_hidden() const override { return attends_by_heads(); }

  /// Quantizers have names of their own, and a LayerNorm goes with the one after it.
  std::shared_ptr<const TransformerRunner> profiled(
      std::shared_ptr<LayerProfile> profile) const override;

 private:
  struct Scratch;

  /// Takes a batch through the blocks.
  /// @param out the rows that are wanted, float32 [n, width]
  void run(const TowerBatch& batch, float* out) const;
  std::unique_ptr<Scratch> borrow_scratch() const;

  std::vector<Block> layers_;
  BlockChoices choices_;
  std::string name_;
  std::vector<NativeBlock> blocks_;
  std::shared_ptr<LayerProfile> profile_;  ///< nullptr: not timed
  mutable IdlePool<Scratch> idle_;
};

}  // namespace clipq
