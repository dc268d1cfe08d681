#include "clipq/model/build_model.h"

#include <utility>

#include "clipq/model/layer_slots.h"

namespace clipq {
namespace {

LayerNorm take_layer_norm(StateDictReader& state, const std::string& name, std::int64_t width) {
  return {state.take(name + ".weight", {width}), state.take(name + ".bias", {width})};
}

std::shared_ptr<const Linear> take_linear(StateDictReader& state, const std::string& weight,
                                          const std::string& bias, std::int64_t out,
                                          std::int64_t in) {
  return std::make_shared<FloatLinear>(state.take(weight, {out, in}), state.take(bias, {out}));
}

/// A projection, which OpenAI stores as [in, out] and applies as x @ projection.
std::shared_ptr<const Linear> take_projection(StateDictReader& state, const std::string& name,
                                              std::int64_t in, std::int64_t out) {
  return std::make_shared<FloatLinear>(state.take(name, {in, out}).t().contiguous(), at::Tensor());
}

Block take_block(StateDictReader& state, const std::string& name, std::int64_t width,
                 std::int64_t heads, bool causal) {
  Block block;
  block.ln_1 = take_layer_norm(state, name + ".ln_1", width);
  block.in_proj = take_linear(state, name + ".attn.in_proj_weight", name + ".attn.in_proj_bias",
                              3 * width, width);
  block.attention = std::make_shared<FloatAttention>(heads, causal);
  block.out_proj = take_linear(state, name + ".attn.out_proj.weight", name + ".attn.out_proj.bias",
                               width, width);
  block.ln_2 = take_layer_norm(state, name + ".ln_2", width);
  block.c_fc =
      take_linear(state, name + ".mlp.c_fc.weight", name + ".mlp.c_fc.bias", 4 * width, width);
  block.c_proj =
      take_linear(state, name + ".mlp.c_proj.weight", name + ".mlp.c_proj.bias", width, 4 * width);
  return block;
}

VisualTower take_visual_tower(StateDictReader& state, const ClipConfig& config) {
  const std::int64_t width = config.vision_width;
  const std::int64_t patch = config.vision_patch_size;
  VisualTower tower;
  tower.conv1 = std::make_shared<FloatLinear>(
      state.take("visual.conv1.weight", {width, 3, patch, patch}).flatten(1), at::Tensor());
  tower.class_embedding = state.take("visual.class_embedding", {width});
  tower.positional_embedding =
      state.take("visual.positional_embedding", {config.vision_tokens(), width});
  tower.ln_pre = take_layer_norm(state, "visual.ln_pre", width);
  for (std::int64_t i = 0; i < config.vision_layers; ++i) {
    tower.blocks.push_back(
        take_block(state, block_name(Tower::kVisual, i), width, config.vision.heads, false));
  }
  tower.ln_post = take_layer_norm(state, "visual.ln_post", width);
  tower.proj = take_projection(state, "visual.proj", width, config.embed_dim);
  return tower;
}

TextTower take_text_tower(StateDictReader& state, const ClipConfig& config) {
  const std::int64_t width = config.text_width;
  TextTower tower;
  tower.token_embedding = std::make_shared<FloatEmbedding>(
      state.take("token_embedding.weight", {config.vocab_size, width}));
  tower.positional_embedding = state.take("positional_embedding", {config.context_length, width});
  for (std::int64_t i = 0; i < config.text_layers; ++i) {
    tower.blocks.push_back(
        take_block(state, block_name(Tower::kText, i), width, config.text.heads, true));
  }
  tower.ln_final = take_layer_norm(state, "ln_final", width);
  tower.text_projection = take_projection(state, "text_projection", width, config.embed_dim);
  return tower;
}

}  // namespace

ClipModel build_model(const ClipConfig& config, const Preprocess& preprocess, StateDict state,
                      const std::string& where) {
  validate(config, where);
  validate(preprocess, where);
  StateDictReader reader(std::move(state), where);
  ClipModel model;
  model.config = config;
  model.preprocess = preprocess;
  model.visual = take_visual_tower(reader, config);
  model.text = take_text_tower(reader, config);
  model.logit_scale = reader.take_logit_scale();
  apply_settings(model);
  reader.require_empty({"input_resolution", "context_length", "vocab_size", "attn_mask"});
  return model;
}

}  // namespace clipq
