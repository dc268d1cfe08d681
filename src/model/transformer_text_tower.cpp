#include "clipq/model/transformer_text_tower.h"

#include <ATen/ops/full.h>

#include <algorithm>

#include "clipq/core/error.h"
#include "infer_transformer.h"
#include "tower_parts.h"

namespace clipq {

TransformerTextTower::TransformerTextTower(const TextTowerConfig& config)
    : transformer(config, config.causal), config_(config) {
  apply(config.settings);
}

at::Tensor TransformerTextTower::lengths(const at::Tensor& tokens) const {
  if (config_.causal) return pooled_positions(tokens).add_(1);
  return at::full({tokens.size(0)}, tokens.size(1), at::kLong);
}

at::Tensor TransformerTextTower::pooled_positions(const at::Tensor& tokens) const {
  switch (config_.pooling) {
    case TextPooling::kLargestId:
      return tokens.argmax(-1);
    case TextPooling::kFirstEnd:
      return tokens.eq(config_.end_id).to(at::kInt).argmax(-1);
    case TextPooling::kLast:
      return at::full({tokens.size(0)}, tokens.size(1) - 1, at::kLong);
  }
  throw InternalError("a text pooling without positions");
}

at::Tensor TransformerTextTower::embed(const at::Tensor& tokens) const {
  return token_table->forward(tokens).add(positions.narrow(0, 0, tokens.size(1)));
}

StagedBatch TransformerTextTower::start(const at::Tensor& tokens) const {
  const at::Tensor positions_of_texts = pooled_positions(tokens);
  const bool cut = config_.causal && leaves_out_tokens() && tokens.size(0) > 0;
  const std::int64_t length =
      cut ? positions_of_texts.max().item<std::int64_t>() + 1 : tokens.size(1);
  return {tokens.narrow(1, 0, length), positions_of_texts, 0};
}

at::Tensor TransformerTextTower::encode(const at::Tensor& tokens) const {
  const StagedBatch batch = start(tokens);
  return project(last_norm.forward(transformer.forward_pooled(embed(batch.x), batch.positions)));
}

at::Tensor TransformerTextTower::run_block(const StagedBatch& batch, std::size_t block) const {
  return transformer.run_block(block, batch.x, batch.positions);
}

at::Tensor TransformerTextTower::pool_blocks(const StagedBatch& batch) const {
  return last_norm.forward(transformer.take_pooled(batch.x, batch.positions));
}

at::Tensor TransformerTextTower::project(const at::Tensor& pooled) const {
  return projection->forward(pooled);
}

std::vector<at::Tensor> TransformerTextTower::block_outputs(const at::Tensor& tokens) const {
  return transformer.block_outputs(embed(tokens));
}

bool TransformerTextTower::needs_whole_batch() const {
  return transformer.needs_whole_batch() || projection->needs_whole_batch();
}

void TransformerTextTower::add_parts(ModelParts& parts) {
  const std::int64_t width = config_.width;
  const PartPlace tower = {"", Tower::kText, config_.context_length};
  PartPlace pooled = tower;
  pooled.rows = 1;
  pooled.stage = stages() - 1;
  parts.embeddings.push_back(
      {tower.of("token_embedding"), &token_table, config_.vocab_size, width});
  add_positions(parts, tower, positions, width);
  transformer.add_parts(parts, tower.of("transformer"));
  clipq::add_parts(parts, pooled.of("ln_final"), last_norm, width);
  add_projection(parts, pooled.of("text_projection"), config_, projection, last_norm);
  if (config_.projection_bias) parts.linears.back().stored.bias = "text_projection.bias";
}

void TransformerTextTower::apply(const TowerSettings& settings) {
  config_.settings = settings;
  last_norm.eps = settings.layer_norm_eps;
  transformer.apply(settings);
}

void TransformerTextTower::apply(const TextReading& reading) {
  static_cast<TextReading&>(config_) = reading;
  transformer.set_causal(reading.causal);
}

bool has_text_tower(const StateDict& state) {
  return std::any_of(state.begin(), state.end(), [](const auto& entry) {
    return entry.first.starts_with("token_embedding.") || entry.first.starts_with("transformer.");
  });
}

TextTowerConfig infer_text_config(const StateDict& state, const std::string& where) {
  TextTowerConfig config;
  config.context_length = find_tensor(state, "positional_embedding", 2, where).size(0);
  config.vocab_size = find_tensor(state, "token_embedding.weight", 2, where).size(0);
  const at::Tensor& projection = find_tensor(state, "text_projection", 2, where);
  config.embed_dim = projection.size(1);
  config.projection_bias = state.count("text_projection.bias") > 0;
  infer_transformer(config, projection.size(0), state, "transformer");
  return config;
}

}  // namespace clipq
