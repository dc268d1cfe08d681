#pragma once

#include "clipq/model/embedding.h"
#include "clipq/model/transformer.h"

namespace clipq {

/// CLIP's causal text tower, pooled at the end-of-text token: the one with the largest id. What
/// stands behind the longest text of a batch isn't computed, unless a layer needs the whole batch.
struct TextTower {
  std::shared_ptr<const Embedding> token_embedding;
  at::Tensor positional_embedding;  ///< [context_length, width]
  Transformer blocks;
  std::shared_ptr<const TransformerRunner> runner;  ///< runs the blocks; absent: layer by layer
  LayerNorm ln_final;
  std::shared_ptr<const Linear> text_projection;  ///< [embed_dim, width], no bias

  /// What the first block is given.
  /// @param tokens int64 or int32 [batch, length], length at most context_length
  /// @return float32 [batch, length, width]
  at::Tensor embed(const at::Tensor& tokens) const;

  /// @param tokens as embed()'s
  /// @return float32 [batch, embed_dim], not normalized
  at::Tensor encode(const at::Tensor& tokens) const;

  /// Whether a text's embedding depends on the others of its batch and on their padding.
  bool needs_whole_batch() const;
};

}  // namespace clipq
