#pragma once

#include <filesystem>

#include "clipq/checkpoint/checkpoint_contents.h"

namespace clipq {

/// Reads what torch.save writes: a state dict, a training checkpoint that holds one, or a pickled
/// module. Tensors are named by their path: "state_dict.module.visual.conv1.weight". Nothing that
/// the pickle names is imported or called. Throws InputError.
CheckpointContents read_torch_save(const std::filesystem::path& file);

}  // namespace clipq
