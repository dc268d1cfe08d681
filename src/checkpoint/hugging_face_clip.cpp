#include "hugging_face_clip.h"

#include <array>
#include <utility>

#include "hugging_face_layers.h"

namespace clipq {
namespace {

constexpr std::array<Renaming, 13> kNames = {
    {{"vision_model.embeddings.class_embedding", "visual.class_embedding"},
     {"vision_model.embeddings.patch_embedding.", "visual.conv1."},
     {"vision_model.embeddings.position_embedding.weight", "visual.positional_embedding"},
     {"vision_model.pre_layrnorm.", "visual.ln_pre."},  // sic
     {"vision_model.post_layernorm.", "visual.ln_post."},
     {"visual_projection.weight", "visual.proj", true},
     {"text_model.embeddings.token_embedding.", "token_embedding."},
     {"text_model.embeddings.position_embedding.weight", "positional_embedding"},
     {"text_model.final_layer_norm.", "ln_final."},
     {"text_projection.weight", "text_projection", true},
     {"vision_model.encoder.layers.", "visual.transformer.resblocks."},
     {"text_model.encoder.layers.", "transformer.resblocks."},
     {"logit_scale", "logit_scale"}}};

}  // namespace

StateDict canonical_hugging_face_clip(StateDict state, const std::string& where) {
  join_projections(state, where);
  return renamed(std::move(state), {kNames, kHuggingFaceBlockNames}, where);
}

std::string original_hugging_face_clip(const std::string& canonical) {
  return separate_projection(undo_renaming(canonical, {kNames, kHuggingFaceBlockNames}));
}

}  // namespace clipq
