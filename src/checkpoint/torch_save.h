#pragma once

#include <filesystem>

#include "clipq/checkpoint/checkpoint_contents.h"

namespace clipq {

/// Reads what torch.save writes since PyTorch 1.6, a zip archive: the tensors of
/// read_pickled_state(). Nothing that the pickle names is imported or called. Throws InputError.
CheckpointContents read_torch_save(const std::filesystem::path& file);

}  // namespace clipq
