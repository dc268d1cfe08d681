#include "clipq/model/block.h"

#include "take_positions.h"

namespace clipq {

BlockNames::BlockNames(const std::string& block)
    : attention_norm(block + ".ln_1"),
      qkv(block + ".attn.in_proj"),
      attention(block + ".attn"),
      attention_output(block + ".attn.out_proj"),
      mlp_norm(block + ".ln_2"),
      mlp_hidden(block + ".mlp.c_fc"),
      mlp_output(block + ".mlp.c_proj") {}

Block::Block(const TowerConfig& config, bool causal)
    : width(config.width),
      mlp_width(config.mlp_width),
      attention(std::make_shared<FloatAttention>(config.settings.heads, causal)) {
  apply(config.settings);
}

void Block::apply(const TowerSettings& settings) {
  attention = std::make_shared<FloatAttention>(settings.heads, attention->causal());
  attention_norm.eps = settings.layer_norm_eps;
  mlp_norm.eps = settings.layer_norm_eps;
  activation = settings.activation;
}

at::Tensor Block::forward(const at::Tensor& x) const {
  const at::Tensor attended = attention->forward(qkv->forward(attention_norm.forward(x)));
  return add_mlp(x.add(attention_output->forward(attended)));
}

at::Tensor Block::forward_pooled(const at::Tensor& x, const at::Tensor& positions) const {
  const at::Tensor normalized = attention_norm.forward(x);
  const at::Tensor q = qkv->forward_part(take_positions(normalized, positions), 0, width);
  const at::Tensor kv = qkv->forward_part(normalized, width, 2 * width);
  const at::Tensor attended = attention->forward_pooled(q, kv, positions);
  return add_mlp(take_positions(x, positions).add(attention_output->forward(attended)));
}

at::Tensor Block::add_mlp(const at::Tensor& x) const {
  const at::Tensor hidden = mlp_hidden->forward(mlp_norm.forward(x));
  return x.add(mlp_output->forward(clipq::apply(activation, hidden)));
}

bool Block::needs_whole_batch() const {
  return qkv->needs_whole_batch() || attention->needs_whole_batch() ||
         attention_output->needs_whole_batch() || mlp_hidden->needs_whole_batch() ||
         mlp_output->needs_whole_batch();
}

void Block::add_parts(ModelParts& parts, const PartPlace& place) {
  const BlockNames names(place.name);
  const std::string mlp = place.of("mlp").name;
  const auto at = [&](const std::string& name) {
    PartPlace part = place;
    part.name = name;
    part.group = name.starts_with(mlp) ? mlp : names.attention;
    return part;
  };
  const auto linear = [&](const std::string& name, std::shared_ptr<const Linear>& layer,
                          std::int64_t out_features, std::int64_t in_features, LayerNorm* norm) {
    StoredLinear stored = {name + ".weight", {out_features, in_features}, false, name + ".bias"};
    parts.linears.push_back({at(name), &layer, out_features, in_features, stored, norm});
    return &parts.linears.back();
  };
  clipq::add_parts(parts, at(names.attention_norm), attention_norm, width);
  LinearPart* in_projection = linear(names.qkv, qkv, 3 * width, width, &attention_norm);
  in_projection->stored.weight = names.qkv + "_weight";
  in_projection->stored.bias = names.qkv + "_bias";
  parts.attentions.push_back({at(names.attention), &attention, width, attention->heads(),
                              attention->causal(), names.qkv, &qkv, &attention_norm,
                              names.attention_output, &attention_output});
  linear(names.attention_output, attention_output, width, width, nullptr);
  clipq::add_parts(parts, at(names.mlp_norm), mlp_norm, width);
  linear(names.mlp_hidden, mlp_hidden, mlp_width, width, &mlp_norm);
  linear(names.mlp_output, mlp_output, width, mlp_width, nullptr)->follows_activation = true;
}

}  // namespace clipq
