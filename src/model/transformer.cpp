#include "clipq/model/transformer.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/index.h>

#include <algorithm>

namespace clipq {
namespace {

/// The token at one position an item: [batch, tokens, width] to [batch, 1, width].
at::Tensor take(const at::Tensor& x, const at::Tensor& positions) {
  return at::index(x, {at::arange(x.size(0), at::kLong), positions}).unsqueeze(1);
}

}  // namespace

at::Tensor Block::forward(const at::Tensor& x) const {
  const at::Tensor attended = attention->forward(in_proj->forward(ln_1.forward(x)));
  return add_mlp(x.add(out_proj->forward(attended)));
}

at::Tensor Block::forward_pooled(const at::Tensor& x, const at::Tensor& positions) const {
  const std::int64_t width = x.size(2);
  const at::Tensor normalized = ln_1.forward(x);
  const at::Tensor q = in_proj->forward_part(take(normalized, positions), 0, width);
  const at::Tensor kv = in_proj->forward_part(normalized, width, 2 * width);
  const at::Tensor attended = attention->forward_pooled(q, kv, positions);
  return add_mlp(take(x, positions).add(out_proj->forward(attended)));
}

at::Tensor Block::add_mlp(const at::Tensor& x) const {
  return x.add(c_proj->forward(apply(activation, c_fc->forward(ln_2.forward(x)))));
}

bool Block::needs_whole_batch() const {
  return in_proj->needs_whole_batch() || attention->needs_whole_batch() ||
         out_proj->needs_whole_batch() || c_fc->needs_whole_batch() || c_proj->needs_whole_batch();
}

bool needs_whole_batch(const Transformer& blocks) {
  return std::any_of(blocks.begin(), blocks.end(),
                     [](const Block& block) { return block.needs_whole_batch(); });
}

at::Tensor forward_pooled(const Transformer& blocks, at::Tensor x, const at::Tensor& positions) {
  const bool shortened = !blocks.empty() && !needs_whole_batch(blocks);
  const std::size_t whole = blocks.size() - (shortened ? 1 : 0);
  for (std::size_t i = 0; i < whole; ++i) x = blocks[i].forward(x);
  const at::Tensor pooled =
      shortened ? blocks.back().forward_pooled(x, positions) : take(x, positions);
  return pooled.squeeze(1);
}

}  // namespace clipq
