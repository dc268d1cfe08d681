#pragma once

#include <map>
#include <string>

#include "clipq/checkpoint/settled_tower.h"
#include "clipq/data/preprocess.h"

namespace clipq {

/// What the documents of a checkpoint tell beyond the weights.
struct CheckpointMetadata {
  SettingChoices settings;
  Preprocess preprocess;  ///< with OpenAI's size
};

/// What clipq_checkpoint.json tells, else open_clip's config, else Hugging Face's; nothing without
/// any. Throws InputError that names `where` and the key.
CheckpointMetadata read_checkpoint_metadata(const std::map<std::string, std::string>& documents,
                                            const std::string& where);

}  // namespace clipq
