#pragma once

#include <ATen/core/Tensor.h>

#include "clipq/library/open_model.h"

namespace clipq {

/// Token ids of ImageNet's first class names in OpenAI's seven templates, prompts of typical
/// length: int32 [prompts, context_length]. Undefined if the model has no text tower, or its
/// tokenizer isn't known.
at::Tensor everyday_prompts(const OpenedModel& opened);

}  // namespace clipq
