#pragma once

#include <string>

#include "clipq/checkpoint/pickle.h"
#include "clipq/model/state_dict.h"
#include "pickled_tensors.h"

namespace clipq {

/// The tensors of a state dict, of a training checkpoint that holds one, or of a pickled module,
/// named by their path: "state_dict.module.visual.conv1.weight". What lies outside of a model that
/// is recognised is left out with a warning. Throws InputError that names `where` if there are
/// none.
StateDict read_pickled_state(const PickleValue& root, PickledTensors& tensors,
                             const std::string& where);

}  // namespace clipq
