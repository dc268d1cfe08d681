#include "clipq/model/text_tower.h"

namespace clipq {

at::Tensor TextTower::embed(const at::Tensor& tokens) const {
  return token_embedding->forward(tokens).add(positional_embedding.narrow(0, 0, tokens.size(1)));
}

at::Tensor TextTower::encode(const at::Tensor& tokens) const {
  const at::Tensor ends = tokens.argmax(-1);
  const bool cut = tokens.size(0) > 0 && !clipq::needs_whole_batch(blocks);
  const std::int64_t length = cut ? ends.max().item<std::int64_t>() + 1 : tokens.size(1);
  const at::Tensor embedded = embed(tokens.narrow(1, 0, length));
  const at::Tensor pooled =
      runner ? runner->forward_pooled(embedded, ends) : forward_pooled(blocks, embedded, ends);
  return text_projection->forward(ln_final.forward(pooled));
}

bool TextTower::needs_whole_batch() const {
  return clipq::needs_whole_batch(blocks) || text_projection->needs_whole_batch();
}

}  // namespace clipq
