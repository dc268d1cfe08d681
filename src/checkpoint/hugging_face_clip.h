#pragma once

#include <string>

#include "clipq/model/state_dict.h"

namespace clipq {

/// Hugging Face's `CLIPModel`, `CLIPVisionModelWithProjection` or `CLIPTextModelWithProjection`:
/// queries, keys and values apart, projections transposed.
StateDict canonical_hugging_face_clip(StateDict state, const std::string& where);

/// The name of a tensor, or the first of those that are joined.
std::string original_hugging_face_clip(const std::string& canonical);

}  // namespace clipq
