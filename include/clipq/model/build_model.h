#pragma once

#include <string>

#include "clipq/model/clip_model.h"

namespace clipq {

/// A float model from tensors with OpenAI's names. Every tensor must be there, of the shape that
/// `config` gives, and finite; none may be left over. The scale of logits is taken if there are
/// both towers. Throws InputError that names file and tensor, TensorNamesError if the names don't
/// fit.
ClipModel build_model(const ClipConfig& config, const Preprocess& preprocess, StateDict state,
                      const std::string& where);

}  // namespace clipq
