#pragma once

#include <memory>
#include <vector>

#include "clipq/model/activation.h"
#include "clipq/model/attention.h"
#include "clipq/model/layer_norm.h"
#include "clipq/model/linear.h"

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

  /// @param x float32 [batch, tokens, width]
  at::Tensor forward(const at::Tensor& x, Activation activation) const;
};

using Transformer = std::vector<Block>;

/// All blocks, one after the other.
at::Tensor forward(const Transformer& blocks, at::Tensor x, Activation activation);

}  // namespace clipq
