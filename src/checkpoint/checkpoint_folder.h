#pragma once

#include <filesystem>
#include <vector>

#include "clipq/checkpoint/checkpoint_contents.h"

namespace clipq {

/// The files of such a folder that are read: weights, then documents. Throws InputError that lists
/// the names if there are no weights.
std::vector<std::filesystem::path> checkpoint_folder_files(const std::filesystem::path& folder);

/// Reads a folder as Hugging Face and open_clip lay it out: weights under one of their names, and
/// the documents beside them. Throws InputError.
CheckpointContents read_checkpoint_folder(const std::filesystem::path& folder);

}  // namespace clipq
