#pragma once

#include <string>

#include "clipq/checkpoint/settled_tower.h"
#include "clipq/data/preprocess.h"

namespace clipq {

/// What an archive's extra file clipq_checkpoint.json tells beyond the weights.
struct CheckpointMetadata {
  SettingChoices settings;
  Preprocess preprocess;
};

/// Throws InputError that names `where` and the key.
CheckpointMetadata read_checkpoint_metadata(const TorchScriptArchive& archive,
                                            const std::string& where);

}  // namespace clipq
