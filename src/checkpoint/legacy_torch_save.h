#pragma once

#include <filesystem>
#include <string_view>

#include "clipq/checkpoint/checkpoint_contents.h"

namespace clipq {

/// Whether a file that begins so was written by torch.save of before PyTorch 1.6, or with
/// _use_new_zipfile_serialization=False.
bool is_legacy_torch_save(std::string_view head);

/// Reads such a file: five pickles (a magic number, a protocol, facts about the system, the object,
/// the names of its storages), then the storages, each with its number of elements before it.
/// Nothing that the pickles name is imported or called. Throws InputError.
CheckpointContents read_legacy_torch_save(const std::filesystem::path& file);

}  // namespace clipq
