#include "clipq/model/transformer.h"

#include <algorithm>

#include "clipq/core/strings.h"
#include "take_positions.h"

namespace clipq {

std::string block_name(const std::string& transformer, std::size_t index) {
  return cat(transformer, ".resblocks.", index);
}

Transformer::Transformer(const TowerConfig& config, bool causal)
    : blocks(static_cast<std::size_t>(config.layers), Block(config, causal)) {}

at::Tensor Transformer::forward(at::Tensor x) const {
  if (runner) return runner->forward(x);
  for (const Block& block : blocks) x = block.forward(x);
  return x;
}

at::Tensor Transformer::forward_pooled(at::Tensor x, const at::Tensor& positions) const {
  if (runner) return runner->forward_pooled(x, positions);
  for (std::size_t i = 0; i < blocks.size(); ++i) x = run_block(i, x, positions);
  return take_pooled(x, positions);
}

at::Tensor Transformer::run_block(std::size_t block, const at::Tensor& x,
                                  const at::Tensor& positions) const {
  const bool is_last = block + 1 == blocks.size();
  return is_last && leaves_out_tokens() ? blocks[block].forward_pooled(x, positions)
                                        : blocks[block].forward(x);
}

at::Tensor Transformer::take_pooled(const at::Tensor& x, const at::Tensor& positions) const {
  return (leaves_out_tokens() ? x : take_positions(x, positions)).squeeze(1);
}

std::vector<at::Tensor> Transformer::block_outputs(at::Tensor x) const {
  std::vector<at::Tensor> outputs;
  for (const Block& block : blocks) {
    x = block.forward(x);
    outputs.push_back(x);
  }
  return outputs;
}

bool Transformer::needs_whole_batch() const {
  return std::any_of(blocks.begin(), blocks.end(),
                     [](const Block& block) { return block.needs_whole_batch(); });
}

void Transformer::add_parts(ModelParts& parts, const PartPlace& place) {
  parts.transformers.push_back({place, this});
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    PartPlace block = place;
    block.name = block_name(place.name, i);
    block.block = static_cast<std::int64_t>(i);
    block.stage = *block.block + 1;
    block.in_last_block = i + 1 == blocks.size();
    blocks[i].add_parts(parts, block);
  }
}

void Transformer::set_causal(bool causal) {
  for (Block& block : blocks) {
    block.attention = std::make_shared<FloatAttention>(block.attention->heads(), causal);
  }
}

void Transformer::apply(const TowerSettings& settings) {
  for (Block& block : blocks) block.apply(settings);
}

}  // namespace clipq
