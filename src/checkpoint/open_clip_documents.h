#pragma once

#include <map>
#include <string>

#include "checkpoint_metadata.h"

namespace clipq {

inline constexpr const char* kOpenClipConfig = "open_clip_config.json";

bool has_open_clip_config(const std::map<std::string, std::string>& documents);

/// What open_clip_config.json tells: `model_cfg` and `preprocess_cfg`. Keys that are absent have
/// open_clip's defaults. Throws UsageError or InputError that names `where` and the key if they say
/// something that clipq can't do: another pooling, tokenizer, resizing, ….
/// @param config as the tensors tell it: what concerns only a tower that isn't there is passed over
CheckpointMetadata read_open_clip_documents(const std::map<std::string, std::string>& documents,
                                            const ClipConfig& config, const std::string& where);

}  // namespace clipq
