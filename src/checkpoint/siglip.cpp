#include "siglip.h"

#include <array>
#include <string_view>
#include <utility>

#include "clipq/core/error.h"
#include "clipq/core/strings.h"
#include "clipq/model/parts.h"
#include "hugging_face_layers.h"
#include "open_clip_custom_text.h"
#include "renaming.h"

namespace clipq {
namespace {

constexpr double kEps = 1e-6;
constexpr const char* kPool = "visual.attn_pool.";
constexpr std::string_view kVisual = "visual.";
constexpr std::string_view kVisionModel = "vision_model.";
constexpr std::string_view kTextModel = "text_model.";

constexpr std::array<Renaming, 17> kHuggingFaceNames = {
    {{"vision_model.embeddings.patch_embedding.", "visual.conv1."},
     {"vision_model.embeddings.position_embedding.weight", "visual.positional_embedding"},
     {"vision_model.encoder.layers.", "visual.transformer.resblocks."},
     {"vision_model.post_layernorm.", "visual.ln_post."},
     {"vision_model.head.probe", "visual.attn_pool.probe"},
     {"vision_model.head.attention.in_proj_", "visual.attn_pool.in_proj_"},
     {"vision_model.head.attention.out_proj.", "visual.attn_pool.out_proj."},
     {"vision_model.head.layernorm.", "visual.attn_pool.ln."},
     {"vision_model.head.mlp.fc1.", "visual.attn_pool.mlp.c_fc."},
     {"vision_model.head.mlp.fc2.", "visual.attn_pool.mlp.c_proj."},
     {"text_model.embeddings.token_embedding.", "token_embedding."},
     {"text_model.embeddings.position_embedding.weight", "positional_embedding"},
     {"text_model.encoder.layers.", "transformer.resblocks."},
     {"text_model.final_layer_norm.", "ln_final."},
     {"text_model.head.weight", "text_projection", true},
     {"text_model.head.bias", "text_projection.bias"},
     {"logit_scale", "logit_scale"}}};

constexpr std::array<Renaming, 11> kTimmNames = {
    {{"visual.trunk.patch_embed.proj.", "visual.conv1."},
     {"visual.trunk.pos_embed", "visual.positional_embedding"},
     {"visual.trunk.blocks.", "visual.transformer.resblocks."},
     {"visual.trunk.norm.", "visual.ln_post."},
     {"visual.trunk.attn_pool.latent", "visual.attn_pool.probe"},
     {"visual.trunk.attn_pool.q.", "visual.attn_pool.q."},
     {"visual.trunk.attn_pool.kv.", "visual.attn_pool.kv."},
     {"visual.trunk.attn_pool.proj.", "visual.attn_pool.out_proj."},
     {"visual.trunk.attn_pool.norm.", "visual.attn_pool.ln."},
     {"visual.trunk.attn_pool.mlp.fc1.", "visual.attn_pool.mlp.c_fc."},
     {"visual.trunk.attn_pool.mlp.fc2.", "visual.attn_pool.mlp.c_proj."}}};

/// Names within timm's blocks.
constexpr std::array<Renaming, 6> kTimmBlockNames = {{{".norm1.", ".ln_1."},
                                                      {".norm2.", ".ln_2."},
                                                      {".attn.qkv.", ".attn.in_proj_"},
                                                      {".attn.proj.", ".attn.out_proj."},
                                                      {".mlp.fc1.", ".mlp.c_fc."},
                                                      {".mlp.fc2.", ".mlp.c_proj."}}};

/// Takes the projection of queries apart from that of keys and values.
void split_queries(StateDict& state, const std::string& where) {
  for (const char* kind : {"weight", "bias"}) {
    const std::string name = cat(kPool, "in_proj_", kind);
    const at::Tensor joined = take_tensor(state, name, where);
    const std::int64_t rows = joined.dim() == 0 ? 0 : joined.size(0);
    if (rows == 0 || rows % 3 != 0) {
      throw InputError(cat(where, ": ", name, " has shape ", joined.sizes(),
                           ", expected queries, keys and values of one width"));
    }
    state[cat(kPool, "q.", kind)] = joined.narrow(0, 0, rows / 3);
    state[cat(kPool, "kv.", kind)] = joined.narrow(0, rows / 3, 2 * rows / 3);
  }
}

/// Replaces the probe and the projection of queries by their product, the only query there is.
void fold_probe(StateDict& state, const std::string& where) {
  const at::Tensor probe = take_tensor(state, cat(kPool, "probe"), where).to(at::kFloat);
  const at::Tensor weight = take_tensor(state, cat(kPool, "q.weight"), where).to(at::kFloat);
  const at::Tensor bias = take_tensor(state, cat(kPool, "q.bias"), where).to(at::kFloat);
  const std::int64_t width = probe.numel();
  if (weight.dim() != 2 || weight.size(0) != width || weight.size(1) != width || bias.dim() != 1 ||
      bias.size(0) != width) {
    throw InputError(cat(where, ": the probe of its attention pooling has ", width,
                         " values, which the projection of queries doesn't fit, of shape ",
                         weight.sizes(), " with a bias of ", bias.sizes()));
  }
  state[cat(kPool, "query")] = weight.matmul(probe.flatten()).add(bias);
}

}  // namespace

StateDict canonical_hugging_face_siglip(StateDict state, const std::string& where) {
  join_projections(state, where);
  state = renamed(std::move(state), {kHuggingFaceNames, kHuggingFaceBlockNames}, where);
  state.erase("logit_bias");
  if (has_image_tower(state)) {
    split_queries(state, where);
    fold_probe(state, where);
  }
  return state;
}

StateDict canonical_open_clip_siglip(StateDict state, const std::string& where) {
  state = renamed(std::move(state), {kTimmNames, kTimmBlockNames}, where);
  const auto positions = state.find("visual.positional_embedding");
  if (positions != state.end() && positions->second.dim() == 3 && positions->second.size(0) == 1) {
    positions->second = positions->second.squeeze(0);
  }
  fold_probe(state, where);
  return canonical_open_clip_custom_text(std::move(state), where);
}

StateDict canonical_open_clip_siglip_visual(StateDict state, const std::string& where) {
  return canonical_open_clip_siglip(prefixed(std::move(state), std::string(kVisual)), where);
}

std::string original_hugging_face_siglip(const std::string& canonical) {
  if (canonical == cat(kPool, "query")) return "vision_model.head.probe";
  if (canonical.starts_with(cat(kPool, "kv."))) return "vision_model.head.attention.in_proj_weight";
  return separate_projection(undo_renaming(canonical, {kHuggingFaceNames, kHuggingFaceBlockNames}));
}

StateDict canonical_siglip_vision_model(StateDict state, const std::string& where) {
  return canonical_hugging_face_siglip(prefixed(std::move(state), std::string(kVisionModel)),
                                       where);
}

StateDict canonical_siglip_text_model(StateDict state, const std::string& where) {
  return canonical_hugging_face_siglip(prefixed(std::move(state), std::string(kTextModel)), where);
}

std::string original_siglip_vision_model(const std::string& canonical) {
  return without_prefix(original_hugging_face_siglip(canonical), kVisionModel);
}

std::string original_siglip_text_model(const std::string& canonical) {
  return without_prefix(original_hugging_face_siglip(canonical), kTextModel);
}

std::string original_open_clip_siglip(const std::string& canonical) {
  if (canonical == cat(kPool, "query")) return "visual.trunk.attn_pool.latent";
  const bool visual = tower_of(canonical) == Tower::kImage;
  return visual ? undo_renaming(canonical, {kTimmNames, kTimmBlockNames})
                : original_open_clip_custom_text(canonical);
}

std::string original_open_clip_siglip_visual(const std::string& canonical) {
  return without_prefix(original_open_clip_siglip(canonical), kVisual);
}

void settle_siglip(ClipConfig& config) {
  for (const Tower tower : config.towers()) {
    config.tower(tower).settings.activation = Activation::kGeluTanh;
    config.tower(tower).settings.layer_norm_eps = kEps;
  }
  if (!config.text) return;
  config.text->causal = false;
  config.text->pooling = TextPooling::kLast;
}

Preprocess siglip_preprocess() {
  return {
      .mean = {0.5F, 0.5F, 0.5F}, .std = {0.5F, 0.5F, 0.5F}, .resize_mode = ResizeMode::kSquash};
}

}  // namespace clipq
