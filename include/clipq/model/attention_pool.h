#pragma once

#include <memory>

#include "clipq/model/attention.h"
#include "clipq/model/layer_norm.h"
#include "clipq/model/linear.h"
#include "clipq/model/parts.h"
#include "clipq/model/tower_config.h"

namespace clipq {

/// Pooling of tokens by attention, as SigLIP's "MAP head" does it: one learned query attends to all
/// of them, and an MLP follows. With a = output(attention(query, kv(x))), it returns
/// a + mlp_output(activation(mlp_hidden(norm(a)))); there is no residual to the query. Its
/// attention stays float: one query's products cost next to nothing.
struct AttentionPool {
  /// Without weights yet.
  explicit AttentionPool(const TowerConfig& config);

  std::int64_t width;
  std::int64_t mlp_width;
  at::Tensor query;                  ///< [width], what the query projection makes of the probe
  std::shared_ptr<const Linear> kv;  ///< [2 * width, width]: keys, values
  std::shared_ptr<const Attention> attention;
  std::shared_ptr<const Linear> output;
  LayerNorm norm;
  std::shared_ptr<const Linear> mlp_hidden;
  std::shared_ptr<const Linear> mlp_output;
  Activation activation;

  /// @param x float32 [batch, tokens, width]
  /// @return float32 [batch, width]
  at::Tensor forward(const at::Tensor& x) const;

  bool needs_whole_batch() const;

  /// @param tokens_norm the LayerNorm whose output it is given
  void add_parts(ModelParts& parts, const PartPlace& place, LayerNorm& tokens_norm);

  void apply(const TowerSettings& settings);
};

}  // namespace clipq
