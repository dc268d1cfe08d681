#pragma once

#include <memory>
#include <string>

#include "clipq/model/attention.h"
#include "clipq/model/layer_norm.h"
#include "clipq/model/linear.h"
#include "clipq/model/parts.h"
#include "clipq/model/tower_config.h"

namespace clipq {

/// The canonical names of a block's layers.
struct BlockNames {
  /// @param block the block's own path
  explicit BlockNames(const std::string& block);

  std::string attention_norm, qkv, attention, attention_output, mlp_norm, mlp_hidden, mlp_output;
};

/// One residual block of a pre-norm transformer:
/// x += attention_output(attention(qkv(attention_norm(x)))),
/// x += mlp_output(activation(mlp_hidden(mlp_norm(x)))).
struct Block {
  /// Without weights yet.
  Block(const TowerConfig& config, bool causal);

  std::int64_t width;
  std::int64_t mlp_width;
  LayerNorm attention_norm;
  std::shared_ptr<const Linear> qkv;  ///< [3 * width, width]: queries, keys, values
  std::shared_ptr<const Attention> attention;
  std::shared_ptr<const Linear> attention_output;
  LayerNorm mlp_norm;
  std::shared_ptr<const Linear> mlp_hidden;
  std::shared_ptr<const Linear> mlp_output;
  Activation activation;

  /// @param x float32 [batch, tokens, width]
  at::Tensor forward(const at::Tensor& x) const;

  /// The rows of forward() at one position per item, without computing the others.
  /// @param positions int64 [batch]
  /// @return float32 [batch, 1, width]
  at::Tensor forward_pooled(const at::Tensor& x, const at::Tensor& positions) const;

  bool needs_whole_batch() const;

  void add_parts(ModelParts& parts, const PartPlace& place);

  /// Takes on other settings. Its attention must be float.
  void apply(const TowerSettings& settings);

 private:
  at::Tensor add_mlp(const at::Tensor& x) const;
};

}  // namespace clipq
