#pragma once

#include <string>

#include "clipq/data/preprocess.h"
#include "clipq/model/clip_config.h"
#include "clipq/model/state_dict.h"

namespace clipq {

/// Hugging Face's `SiglipModel`, `SiglipVisionModel` or `SiglipTextModel`.
StateDict canonical_hugging_face_siglip(StateDict state, const std::string& where);

/// open_clip's SigLIP: a `CustomTextCLIP` with one of timm's ViTs below "visual.trunk.".
StateDict canonical_open_clip_siglip(StateDict state, const std::string& where);

/// open_clip's image tower alone, whose names begin with "trunk.".
StateDict canonical_open_clip_siglip_visual(StateDict state, const std::string& where);

/// `SiglipVisionModel` and `SiglipTextModel` as transformers 5 has them in memory, without
/// prefixes.
StateDict canonical_siglip_vision_model(StateDict state, const std::string& where);
StateDict canonical_siglip_text_model(StateDict state, const std::string& where);

/// The libraries' names for canonical ones.
std::string original_hugging_face_siglip(const std::string& canonical);
std::string original_siglip_vision_model(const std::string& canonical);
std::string original_siglip_text_model(const std::string& canonical);
std::string original_open_clip_siglip(const std::string& canonical);
std::string original_open_clip_siglip_visual(const std::string& canonical);

/// What every SigLIP has, and shapes don't tell: a text tower that isn't causal and is pooled at
/// its last token; LayerNorm eps 1e-6 and, unless something tells otherwise, GELU's tanh form.
void settle_siglip(ClipConfig& config);

/// Squashed, with mean and std 0.5.
Preprocess siglip_preprocess();

}  // namespace clipq
