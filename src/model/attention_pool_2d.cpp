#include "clipq/model/attention_pool_2d.h"

#include <ATen/ops/add.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>

namespace clipq {

AttentionPool2d::AttentionPool2d(const ImageTowerConfig& config)
    : width(config.width), embed_dim(config.embed_dim) {
  apply(config.settings);
}

at::Tensor AttentionPool2d::attend(const at::Tensor& map) const {
  const at::Tensor cells = map.flatten(1, 2);
  const std::int64_t count = cells.size(1);
  const at::Tensor tokens = at::empty({cells.size(0), count + 1, width}, cells.options());
  at::Tensor first_tokens = tokens.select(1, 0);
  at::Tensor other_tokens = tokens.narrow(1, 1, count);
  at::add_out(first_tokens, cells.mean(1), positions[0]);
  at::add_out(other_tokens, cells, positions.narrow(0, 1, count));
  const at::Tensor first = at::zeros({tokens.size(0)}, at::kLong);
  at::Tensor q;
  at::Tensor kv;
  if (qkv->needs_whole_batch()) {
    const at::Tensor all = qkv->forward(tokens);
    q = all.narrow(1, 0, 1).narrow(2, 0, width);
    kv = all.narrow(2, width, 2 * width);
  } else {
    q = qkv->forward_part(tokens.narrow(1, 0, 1), 0, width);
    kv = qkv->forward_part(tokens, width, 2 * width);
  }
  return attention->forward_pooled(q, kv, first).squeeze(1);
}

bool AttentionPool2d::needs_whole_batch() const {
  return qkv->needs_whole_batch() || attention->needs_whole_batch() || output->needs_whole_batch();
}

void AttentionPool2d::add_parts(ModelParts& parts, const PartPlace& place) {
  PartPlace pooled = place.of("c_proj");
  pooled.rows = 1;
  ++pooled.stage;  // it is the projection
  const PartPlace projected = place.of("in_proj");
  parts.tensors.push_back(
      {place.of("positional_embedding"), &positions, {place.rows, width}, TensorUse::kPositions});
  parts.linears.push_back(
      {projected,
       &qkv,
       3 * width,
       width,
       {projected.name + "_weight", {3 * width, width}, false, projected.name + "_bias"}});
  AttentionPart part = {place,          &attention, width,   attention->heads(), /*causal=*/false,
                        projected.name, &qkv,       nullptr, pooled.name,        &output};
  part.pooled = true;
  parts.attentions.push_back(part);
  parts.linears.push_back(
      {pooled,
       &output,
       embed_dim,
       width,
       {pooled.name + ".weight", {embed_dim, width}, false, pooled.name + ".bias"}});
}

void AttentionPool2d::apply(const TowerSettings& settings) {
  attention = std::make_shared<FloatAttention>(settings.heads, /*causal=*/false);
}

}  // namespace clipq
