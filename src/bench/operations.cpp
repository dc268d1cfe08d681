#include "clipq/bench/operations.h"

#include <algorithm>

namespace clipq {
namespace {

/// One item of `tokens` tokens through the blocks, in multiply-adds.
std::int64_t block_multiply_adds(std::int64_t blocks, std::int64_t width, std::int64_t tokens,
                                 bool causal_runner, bool shortened) {
  // A runner skips what a causal mask hides; pairs of tokens then come to about half.
  const std::int64_t pairs = causal_runner ? tokens * (tokens + 1) / 2 : tokens * tokens;
  const std::int64_t whole = 12 * width * width * tokens + 2 * width * pairs;
  if (!shortened) return blocks * whole;
  const std::int64_t last = 2 * width * width * tokens + 10 * width * width + 2 * width * tokens;
  return (blocks - 1) * whole + last;
}

/// Whether a runner can leave out what a causal mask hides: LibTorch's attention computes it all.
bool has_float_attention(const Transformer& blocks) {
  return std::all_of(blocks.begin(), blocks.end(), [](const Block& block) {
    return dynamic_cast<const FloatAttention*>(block.attention.get()) != nullptr;
  });
}

}  // namespace

std::int64_t image_operations(const ClipModel& model, std::int64_t batch) {
  const ClipConfig& config = model.config;
  const std::int64_t patches = config.vision_tokens() - 1;
  const std::int64_t patch_values = 3 * config.vision_patch_size * config.vision_patch_size;
  const std::int64_t item =
      patches * patch_values * config.vision_width +
      block_multiply_adds(config.vision_layers, config.vision_width, config.vision_tokens(), false,
                          !needs_whole_batch(model.visual.blocks)) +
      config.vision_width * config.embed_dim;
  return 2 * batch * item;
}

std::int64_t text_operations(const ClipModel& model, const at::Tensor& tokens) {
  const ClipConfig& config = model.config;
  const bool shortened = !needs_whole_batch(model.text.blocks);
  const bool runner = model.text.runner != nullptr && has_float_attention(model.text.blocks);
  const at::Tensor ends = tokens.argmax(-1).add(1);
  const auto longest = shortened ? ends.max().item<std::int64_t>() : tokens.size(1);
  std::int64_t sum = 0;
  for (std::int64_t i = 0; i < tokens.size(0); ++i) {
    const std::int64_t length = runner ? ends[i].item<std::int64_t>() : longest;
    sum += block_multiply_adds(config.text_layers, config.text_width, length, runner, shortened) +
           config.text_width * config.embed_dim;
  }
  return 2 * sum;
}

}  // namespace clipq
