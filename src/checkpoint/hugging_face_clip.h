#pragma once

#include <string>

#include "clipq/model/state_dict.h"

namespace clipq {

/// Hugging Face's `CLIPModel`: queries, keys and values apart, projections transposed.
StateDict canonical_hugging_face_clip(StateDict state, const std::string& where);

}  // namespace clipq
