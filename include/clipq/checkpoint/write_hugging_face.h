#pragma once

#include "clipq/checkpoint/written_document.h"
#include "clipq/data/preprocess.h"
#include "clipq/model/clip_config.h"
#include "clipq/text/tokenizer_source.h"

namespace clipq {

/// config.json of a `CLIPModel` or a `SiglipModel`, or of one of their towers. Throws UsageError if
/// the model is neither: if its towers are of two families, or a tower is pooled as in none.
/// @param frame of the model's tokenizer; without one, Hugging Face's usual ids
WrittenDocument hugging_face_config(const ClipConfig& config, const TokenFrame* frame);

/// preprocessor_config.json of a `CLIPImageProcessor`, or of a `SiglipImageProcessor` where images
/// are squashed. Throws UsageError if images are padded, which neither does.
WrittenDocument hugging_face_preprocessor(const Preprocess& preprocess);

}  // namespace clipq
