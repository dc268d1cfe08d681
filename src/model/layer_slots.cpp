#include "clipq/model/layer_slots.h"

#include "clipq/core/strings.h"

namespace clipq {
namespace {

void add_blocks(LayerSlots& slots, Transformer& blocks, Tower tower, std::int64_t tokens,
                std::int64_t width) {
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    const std::string name = block_name(tower, i);
    const auto add = [&](const char* layer, std::shared_ptr<const Linear>& linear,
                         std::int64_t out_features, std::int64_t in_features) {
      slots.linears.push_back(
          {{name + layer, tower, tokens, &linear}, out_features, in_features, /*has_bias=*/true});
    };
    add(".attn.in_proj", blocks[i].in_proj, 3 * width, width);
    slots.attentions.push_back({name + ".attn", tower, tokens, &blocks[i].attention});
    add(".attn.out_proj", blocks[i].out_proj, width, width);
    add(".mlp.c_fc", blocks[i].c_fc, 4 * width, width);
    add(".mlp.c_proj", blocks[i].c_proj, width, 4 * width);
  }
}

}  // namespace

std::string block_name(Tower tower, std::size_t index) {
  return cat(tower == Tower::kVisual ? "visual." : "", "transformer.resblocks.", index);
}

LayerSlots layer_slots(ClipModel& model) {
  const ClipConfig& config = model.config;
  const std::int64_t tokens = config.vision_tokens();
  const std::int64_t patch = config.vision_patch_size;
  LayerSlots slots;
  slots.linears.push_back({{"visual.conv1", Tower::kVisual, tokens - 1, &model.visual.conv1},
                           config.vision_width,
                           3 * patch * patch,
                           /*has_bias=*/false});
  add_blocks(slots, model.visual.blocks, Tower::kVisual, tokens, config.vision_width);
  slots.linears.push_back({{"visual.proj", Tower::kVisual, 1, &model.visual.proj},
                           config.embed_dim,
                           config.vision_width,
                           /*has_bias=*/false});
  slots.embeddings.push_back(
      {"token_embedding", Tower::kText, config.context_length, &model.text.token_embedding});
  add_blocks(slots, model.text.blocks, Tower::kText, config.context_length, config.text_width);
  slots.linears.push_back({{"text_projection", Tower::kText, 1, &model.text.text_projection},
                           config.embed_dim,
                           config.text_width,
                           /*has_bias=*/false});
  return slots;
}

}  // namespace clipq
