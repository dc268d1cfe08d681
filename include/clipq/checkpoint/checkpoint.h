#pragma once

#include <optional>
#include <string>

#include "clipq/checkpoint/parity.h"
#include "clipq/model/clip_model.h"

namespace clipq {

/// How a checkpoint is read.
struct CheckpointOptions {
  SettingChoices settings;  ///< what the user says of the towers
  ParityMode parity = ParityMode::kSandbox;
};

/// What decides what load_checkpoint makes of a file.
Json to_json(const CheckpointOptions& options);

/// What the user brought, loaded and checked.
struct Checkpoint {
  ClipModel model;                       ///< float32
  std::optional<std::string> bpe_vocab;  ///< the tokenizer's merges, if the checkpoint has its own
  SettledTowers towers;                  ///< the towers' settings and where they were found
  std::optional<Parity> parity;          ///< absent if the archive's own code wasn't run
  std::string unchecked;                 ///< then: what it was not checked for, in words
  std::int64_t float32_bytes = 0;        ///< size of all weights in float32
};

/// Reads a TorchScript CLIP with OpenAI's names and ViT towers.
///
/// Heads, activation and LayerNorm eps of each tower are those of `options` if given, else of the
/// archive's metadata (extra file clipq_checkpoint.json), else read off the archive's code, else
/// tried against the embeddings that the archive's own code gives.
/// Throws InputError if the file isn't such a checkpoint, if our embeddings differ from its own, or
/// if they can't be compared and `options` don't skip that; UsageError if a setting can't be told.
/// The archive is used up.
/// @param where the file, for messages
Checkpoint load_checkpoint(TorchScriptArchive archive, const std::string& where,
                           const CheckpointOptions& options);

}  // namespace clipq
