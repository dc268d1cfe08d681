#pragma once

#include <string>

#include "clipq/model/state_dict.h"

namespace clipq {

/// OpenAI's names are the canonical ones; open_clip's `CLIP` has them too. LayerScale is folded
/// into the linear layer before it; what has no influence on embeddings is dropped. A text
/// projection that is a layer, as open_clip's with a bias is, becomes a parameter. Of a ResNet,
/// BatchNorms are folded and the projections of its attention pool joined.
StateDict canonical_openai_clip(StateDict state, const std::string& where);

/// The image tower alone, `model.visual`: the same names without "visual.".
StateDict canonical_openai_visual(StateDict state, const std::string& where);

std::string original_openai_visual(const std::string& canonical);

/// Of a CLIP with a ResNet.
std::string original_openai_resnet(const std::string& canonical);

}  // namespace clipq
