#include "clipq/model/attention_pool.h"

#include <ATen/ops/zeros.h>

namespace clipq {

AttentionPool::AttentionPool(const TowerConfig& config)
    : width(config.width), mlp_width(config.mlp_width) {
  apply(config.settings);
}

at::Tensor AttentionPool::forward(const at::Tensor& x) const {
  const std::int64_t batch = x.size(0);
  const at::Tensor attended = attention->forward_pooled(
      query.expand({batch, 1, width}), kv->forward(x), at::zeros({batch}, at::kLong));
  const at::Tensor pooled = output->forward(attended).squeeze(1);
  const at::Tensor hidden = mlp_hidden->forward(norm.forward(pooled));
  return pooled.add(mlp_output->forward(clipq::apply(activation, hidden)));
}

bool AttentionPool::needs_whole_batch() const {
  return kv->needs_whole_batch() || output->needs_whole_batch() ||
         mlp_hidden->needs_whole_batch() || mlp_output->needs_whole_batch();
}

void AttentionPool::add_parts(ModelParts& parts, const PartPlace& place, LayerNorm& tokens_norm) {
  PartPlace pooled = place;
  pooled.rows = 1;
  const auto linear = [&parts](const PartPlace& at, std::shared_ptr<const Linear>& layer,
                               std::int64_t out_features, std::int64_t in_features,
                               LayerNorm* before) {
    StoredLinear stored = {
        at.name + ".weight", {out_features, in_features}, false, at.name + ".bias"};
    parts.linears.push_back({at, &layer, out_features, in_features, stored, before});
  };
  parts.tensors.push_back({place.of("query"), &query, {width}, TensorUse::kToken});
  linear(place.of("kv"), kv, 2 * width, width, &tokens_norm);
  linear(pooled.of("out_proj"), output, width, width, nullptr);
  clipq::add_parts(parts, place.of("ln"), norm, width);
  linear(pooled.of("mlp.c_fc"), mlp_hidden, mlp_width, width, &norm);
  linear(pooled.of("mlp.c_proj"), mlp_output, width, mlp_width, nullptr);
  parts.linears.back().follows_activation = true;
}

void AttentionPool::apply(const TowerSettings& settings) {
  attention = std::make_shared<FloatAttention>(settings.heads, /*causal=*/false);
  norm.eps = settings.layer_norm_eps;
  activation = settings.activation;
}

}  // namespace clipq
