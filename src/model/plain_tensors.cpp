#include "clipq/model/plain_tensors.h"

#include "clipq/model/layer_slots.h"

namespace clipq {
namespace {

void add_layer_norm(std::vector<PlainTensor>& out, const std::string& name, Tower tower,
                    std::int64_t width, LayerNorm& norm) {
  out.push_back({name + ".weight", tower, {width}, &norm.weight});
  out.push_back({name + ".bias", tower, {width}, &norm.bias});
}

void add_blocks(std::vector<PlainTensor>& out, Transformer& blocks, Tower tower,
                std::int64_t width) {
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    add_layer_norm(out, block_name(tower, i) + ".ln_1", tower, width, blocks[i].ln_1);
    add_layer_norm(out, block_name(tower, i) + ".ln_2", tower, width, blocks[i].ln_2);
  }
}

}  // namespace

std::vector<PlainTensor> plain_tensors(ClipModel& model) {
  const ClipConfig& config = model.config;
  const std::int64_t vision = config.vision_width;
  std::vector<PlainTensor> out;
  out.push_back(
      {"visual.class_embedding", Tower::kVisual, {vision}, &model.visual.class_embedding});
  out.push_back({"visual.positional_embedding",
                 Tower::kVisual,
                 {config.vision_tokens(), vision},
                 &model.visual.positional_embedding});
  add_layer_norm(out, "visual.ln_pre", Tower::kVisual, vision, model.visual.ln_pre);
  add_blocks(out, model.visual.blocks, Tower::kVisual, vision);
  add_layer_norm(out, "visual.ln_post", Tower::kVisual, vision, model.visual.ln_post);
  out.push_back({"positional_embedding",
                 Tower::kText,
                 {config.context_length, config.text_width},
                 &model.text.positional_embedding});
  add_blocks(out, model.text.blocks, Tower::kText, config.text_width);
  add_layer_norm(out, "ln_final", Tower::kText, config.text_width, model.text.ln_final);
  return out;
}

}  // namespace clipq
