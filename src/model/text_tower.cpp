#include "clipq/model/text_tower.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/index.h>

namespace clipq {

at::Tensor TextTower::encode(const at::Tensor& tokens, const ClipConfig& config) const {
  const at::Tensor positions = positional_embedding.narrow(0, 0, tokens.size(1));
  const at::Tensor embedded = token_embedding->forward(tokens).add(positions);
  const at::Tensor encoded = clipq::forward(blocks, embedded, config.activation);
  const at::Tensor rows = at::arange(tokens.size(0), at::kLong);
  const at::Tensor pooled = at::index(ln_final.forward(encoded), {rows, tokens.argmax(-1)});
  return text_projection->forward(pooled);
}

}  // namespace clipq
