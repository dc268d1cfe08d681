#pragma once

#include <string>

#include "clipq/model/clip_model.h"

namespace clipq {

/// A float model from tensors with OpenAI's names. Every tensor must be there, of the shape that
/// `config` gives, and finite; none may be left over. Throws InputError that names file and tensor.
ClipModel build_model(const ClipConfig& config, const Preprocess& preprocess, StateDict state,
                      const std::string& where);

}  // namespace clipq
