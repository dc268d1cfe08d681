#include "clipq/model/causal_text_tower.h"

#include "infer_transformer.h"
#include "tower_parts.h"

namespace clipq {

CausalTextTower::CausalTextTower(const TextTowerConfig& config)
    : transformer(config, /*causal=*/true), config_(config) {
  apply(config.settings);
}

at::Tensor CausalTextTower::lengths(const at::Tensor& tokens) const {
  return tokens.argmax(-1).add_(1);
}

at::Tensor CausalTextTower::embed(const at::Tensor& tokens) const {
  return token_table->forward(tokens).add(positions.narrow(0, 0, tokens.size(1)));
}

at::Tensor CausalTextTower::encode(const at::Tensor& tokens) const {
  const at::Tensor text_lengths = lengths(tokens);
  const bool cut = tokens.size(0) > 0 && !transformer.needs_whole_batch();
  const std::int64_t length = cut ? text_lengths.max().item<std::int64_t>() : tokens.size(1);
  const at::Tensor pooled =
      transformer.forward_pooled(embed(tokens.narrow(1, 0, length)), text_lengths.sub(1));
  return projection->forward(last_norm.forward(pooled));
}

std::vector<at::Tensor> CausalTextTower::block_outputs(const at::Tensor& tokens) const {
  return transformer.block_outputs(embed(tokens));
}

bool CausalTextTower::needs_whole_batch() const {
  return transformer.needs_whole_batch() || projection->needs_whole_batch();
}

void CausalTextTower::add_parts(ModelParts& parts) {
  const std::int64_t width = config_.width;
  const PartPlace tower = {"", Tower::kText, config_.context_length};
  PartPlace pooled = tower;
  pooled.rows = 1;
  parts.embeddings.push_back(
      {tower.of("token_embedding"), &token_table, config_.vocab_size, width});
  add_positions(parts, tower, positions, width);
  transformer.add_parts(parts, tower.of("transformer"));
  clipq::add_parts(parts, pooled.of("ln_final"), last_norm, width);
  add_projection(parts, pooled.of("text_projection"), config_, projection, last_norm);
}

void CausalTextTower::apply(const TowerSettings& settings) {
  config_.settings = settings;
  last_norm.eps = settings.layer_norm_eps;
  transformer.apply(settings);
}

TextTowerConfig infer_causal_text_config(const StateDict& state, const std::string& where) {
  TextTowerConfig config;
  config.context_length = find_tensor(state, "positional_embedding", 2, where).size(0);
  config.vocab_size = find_tensor(state, "token_embedding.weight", 2, where).size(0);
  const at::Tensor& projection = find_tensor(state, "text_projection", 2, where);
  config.embed_dim = projection.size(1);
  infer_transformer(config, projection.size(0), state, "transformer");
  return config;
}

}  // namespace clipq
