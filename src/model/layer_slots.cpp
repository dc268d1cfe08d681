#include "clipq/model/layer_slots.h"

#include "clipq/core/strings.h"

namespace clipq {
namespace {

void add_blocks(LayerSlots& slots, Transformer& blocks, Tower tower, std::int64_t tokens) {
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    const std::string name = block_name(tower, i);
    slots.linears.push_back({name + ".attn.in_proj", tower, tokens, &blocks[i].in_proj});
    slots.attentions.push_back({name + ".attn", tower, tokens, &blocks[i].attention});
    slots.linears.push_back({name + ".attn.out_proj", tower, tokens, &blocks[i].out_proj});
    slots.linears.push_back({name + ".mlp.c_fc", tower, tokens, &blocks[i].c_fc});
    slots.linears.push_back({name + ".mlp.c_proj", tower, tokens, &blocks[i].c_proj});
  }
}

}  // namespace

std::string block_name(Tower tower, std::size_t index) {
  return cat(tower == Tower::kVisual ? "visual." : "", "transformer.resblocks.", index);
}

LayerSlots layer_slots(ClipModel& model) {
  const std::int64_t tokens = model.config.vision_tokens();
  LayerSlots slots;
  slots.linears.push_back({"visual.conv1", Tower::kVisual, tokens - 1, &model.visual.conv1});
  add_blocks(slots, model.visual.blocks, Tower::kVisual, tokens);
  slots.linears.push_back({"visual.proj", Tower::kVisual, 1, &model.visual.proj});
  slots.embeddings.push_back({"token_embedding", Tower::kText, model.config.context_length,
                              &model.text.token_embedding});
  add_blocks(slots, model.text.blocks, Tower::kText, model.config.context_length);
  slots.linears.push_back({"text_projection", Tower::kText, 1, &model.text.text_projection});
  return slots;
}

}  // namespace clipq
