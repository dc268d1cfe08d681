#pragma once

#include <memory>
#include <vector>

#include "clipq/model/attention.h"
#include "clipq/model/layer_norm.h"
#include "clipq/model/linear.h"
#include "clipq/numerics/activation.h"

namespace clipq {

/// One residual block: x += out_proj(attention(in_proj(ln_1(x)))), x += c_proj(act(c_fc(ln_2(x)))).
struct Block {
  LayerNorm ln_1;
  std::shared_ptr<const Linear> in_proj;  ///< [3 * width, width]: queries, keys, values
  std::shared_ptr<const Attention> attention;
  std::shared_ptr<const Linear> out_proj;
  LayerNorm ln_2;
  std::shared_ptr<const Linear> c_fc;
  std::shared_ptr<const Linear> c_proj;
  Activation activation = Activation::kQuickGelu;  ///< between c_fc and c_proj

  /// @param x float32 [batch, tokens, width]
  at::Tensor forward(const at::Tensor& x) const;

  /// The rows of forward() at one position an item, without computing the others.
  /// @param positions int64 [batch]
  /// @return float32 [batch, 1, width]
  at::Tensor forward_pooled(const at::Tensor& x, const at::Tensor& positions) const;

  bool needs_whole_batch() const;

 private:
  at::Tensor add_mlp(const at::Tensor& x) const;
};

using Transformer = std::vector<Block>;

/// Whether a layer of the blocks needs the whole batch (Linear::needs_whole_batch).
bool needs_whole_batch(const Transformer& blocks);

/// All blocks, one after the other, at one position an item. Of the last block only what those
/// positions need is computed, unless a layer needs the whole batch.
/// @param x float32 [batch, tokens, width]
/// @param positions int64 [batch], each in [0, tokens)
/// @return float32 [batch, width]
at::Tensor forward_pooled(const Transformer& blocks, at::Tensor x, const at::Tensor& positions);

/// All blocks of a tower in one go, where there is a faster way than layer by layer.
class TransformerRunner {
 public:
  virtual ~TransformerRunner() = default;

  /// As the function of that name.
  virtual at::Tensor forward_pooled(const at::Tensor& x, const at::Tensor& positions) const = 0;
};

}  // namespace clipq
