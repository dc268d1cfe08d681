#pragma once

#include <map>
#include <string>

#include "checkpoint_metadata.h"

namespace clipq {

/// Whether the documents have a config.json of one of Hugging Face's CLIPs.
bool has_hugging_face_config(const std::map<std::string, std::string>& documents);

/// What config.json and preprocessor_config.json of a `CLIPModel` or `SiglipModel` tell. Keys that
/// are absent have the values of transformers' classes. Throws UsageError or InputError that names
/// `where`, the document and the key if they say something that clipq can't do: another pooling,
/// resizing or cropping.
/// @param config as the tensors tell it: what concerns only a tower that isn't there is passed over
CheckpointMetadata read_hugging_face_documents(const std::map<std::string, std::string>& documents,
                                               const ClipConfig& config, const std::string& where);

}  // namespace clipq
