#pragma once

#include <optional>
#include <string>

#include "clipq/model/clip_model.h"
#include "clipq/checkpoint/parity.h"

namespace clipq {

/// What the user brought, loaded and checked.
struct Checkpoint {
  ClipModel model;                       ///< float32
  std::optional<std::string> bpe_vocab;  ///< the tokenizer's merges, if the checkpoint has its own
  std::string activation_source;         ///< where the activation was found, in words
  std::optional<Parity> parity;          ///< absent if the archive's own code doesn't run here
  std::string parity_skipped;            ///< then: why
  std::int64_t float32_bytes = 0;        ///< size of all weights in float32
};

/// Reads a TorchScript CLIP with OpenAI's names and ViT towers.
///
/// The activation is `activation` if given, else the archive's metadata
/// (extra file clipq_checkpoint.json), else read off the archive's graph, else the one whose
/// embeddings agree with the archive's own.
/// Throws InputError if the file isn't such a checkpoint or our embeddings differ from its own, and
/// UsageError if the activation can't be found out.
/// The archive is used up: its own code is dropped once it has been compared with.
/// @param where the file, for messages
Checkpoint load_checkpoint(TorchScriptArchive archive, const std::string& where,
                           std::optional<Activation> activation);

}  // namespace clipq
