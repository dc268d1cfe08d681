#pragma once

#include <string>

#include "clipq/model/state_dict.h"

namespace clipq {

/// OpenAI's names are the canonical ones; open_clip's `CLIP` has them too. LayerScale is folded
/// into the linear layer before it; what has no influence on embeddings is dropped.
StateDict canonical_openai_clip(StateDict state, const std::string& where);

}  // namespace clipq
