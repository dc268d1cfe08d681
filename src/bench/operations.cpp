#include "clipq/bench/operations.h"

#include <algorithm>

#include "clipq/model/transformer.h"

namespace clipq {
namespace {

/// How much of a tower's transformer is really computed.
struct Computed {
  bool last_block_pooled;  ///< the last block for the pooled token only
  bool hidden_skipped;     ///< what a causal mask hides isn't computed
};

Computed how_computed(const ModelParts& parts, Tower tower) {
  Computed result = {true, true};
  for (const TransformerPart& part : parts.transformers) {
    if (part.tower != tower) continue;
    const Transformer& transformer = *part.transformer;
    result.last_block_pooled = part.pooled && !transformer.needs_whole_batch();
    result.hidden_skipped = transformer.runner != nullptr && transformer.runner->skips_hidden();
  }
  return result;
}

/// Counts the multiply-adds of one item whose transformer is given `tokens` tokens.
class MultiplyAdds {
 public:
  MultiplyAdds(const ModelParts& parts, Tower tower)
      : parts_(parts), tower_(tower), computed_(how_computed(parts, tower)) {}

  const Computed& computed() const { return computed_; }

  std::int64_t of_item(std::int64_t tokens) const {
    std::int64_t sum = 0;
    for (const LinearPart& part : parts_.linears) {
      if (part.tower == tower_) sum += of_linear(part, tokens);
    }
    for (const AttentionPart& part : parts_.attentions) {
      if (part.tower == tower_) sum += of_attention(part, tokens);
    }
    return sum;
  }

 private:
  bool is_pooled(const PartPlace& place) const {
    return place.in_last_block && computed_.last_block_pooled;
  }

  std::int64_t of_linear(const LinearPart& part, std::int64_t tokens) const {
    const std::int64_t weights = part.in_features * part.out_features;
    const bool is_qkv =
        std::any_of(parts_.attentions.begin(), parts_.attentions.end(),
                    [&](const AttentionPart& attention) { return attention.qkv == part.layer; });
    // Keys and values are those of all tokens.
    const std::int64_t keys_and_values = (2 * tokens + 1) * (weights / 3);
    const bool has_one_query = is_qkv && !(*part.layer)->needs_whole_batch();
    if (!part.block) return has_one_query ? keys_and_values : part.rows * weights;
    if (is_pooled(part)) return is_qkv ? keys_and_values : weights;
    return (tower_ == Tower::kImage ? part.rows : tokens) * weights;
  }

  std::int64_t of_attention(const AttentionPart& part, std::int64_t tokens) const {
    std::int64_t pairs = tokens * tokens;
    if (part.causal && computed_.hidden_skipped) pairs = tokens * (tokens + 1) / 2;
    if (part.pooled || is_pooled(part)) pairs = tokens;
    return 2 * part.width * pairs;
  }

  const ModelParts& parts_;
  Tower tower_;
  Computed computed_;
};

}  // namespace

std::int64_t image_operations(ClipModel model, std::int64_t batch) {
  const ModelParts parts = parts_of(model);
  const MultiplyAdds multiply_adds(parts, Tower::kImage);
  return 2 * batch * multiply_adds.of_item(model.image->config().tokens());
}

std::int64_t text_operations(ClipModel model, const at::Tensor& tokens) {
  const ModelParts parts = parts_of(model);
  const MultiplyAdds multiply_adds(parts, Tower::kText);
  const at::Tensor lengths = model.text->lengths(tokens);
  const auto [shortened, own_length] = multiply_adds.computed();
  const auto longest = shortened ? lengths.max().item<std::int64_t>() : tokens.size(1);
  std::int64_t sum = 0;
  for (std::int64_t i = 0; i < tokens.size(0); ++i) {
    sum += multiply_adds.of_item(own_length ? lengths[i].item<std::int64_t>() : longest);
  }
  return 2 * sum;
}

}  // namespace clipq
