#pragma once

#include <filesystem>
#include <vector>

#include "clipq/checkpoint/checkpoint_contents.h"

namespace clipq {

/// Reads a .safetensors file: tensors, and the header's __metadata__ as documents. Sizes are
/// checked against the file's before memory is asked for. Throws InputError that names the file and
/// the tensor.
CheckpointContents read_safetensors(const std::filesystem::path& file);

/// Whether the file's name is that of an index, "model.safetensors.index.json".
bool is_safetensors_index(const std::filesystem::path& file);

/// The index and the shards that it names, which lie beside it. Throws InputError.
std::vector<std::filesystem::path> safetensors_index_files(const std::filesystem::path& file);

/// Reads the shards of an index. Throws InputError, also if one lacks what the index says.
CheckpointContents read_safetensors_index(const std::filesystem::path& file);

}  // namespace clipq
