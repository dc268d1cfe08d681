#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "clipq/checkpoint/dialect.h"
#include "clipq/checkpoint/settled_tower.h"
#include "clipq/checkpoint/tokenizer_documents.h"
#include "clipq/core/json.h"
#include "clipq/data/preprocess.h"

namespace clipq {

/// What the documents of a checkpoint tell beyond the weights.
struct CheckpointMetadata {
  std::string family = {};  ///< "clip" or "siglip" if a configuration tells it
  SettingChoices settings;
  Preprocess preprocess;          ///< with OpenAI's size
  bool knows_preprocess = false;  ///< whether a document tells it
  std::optional<TextPooling> text_pooling = {};
  std::int64_t text_end_id = 0;  ///< for TextPooling::kFirstEnd
  std::optional<bool> text_causal = {};
  /// Sizes as documents tell them, which the tensors must have.
  std::optional<std::int64_t> image_size = {};
  std::optional<std::int64_t> patch_size = {};
  std::optional<std::int64_t> context_length = {};
  std::optional<std::int64_t> vocab_size = {};
};

/// What the configuration of the weights' own library tells (the other one's if that is absent),
/// and then clipq_checkpoint.json, each key of which wins. Throws InputError that names `where` and
/// the key.
/// @param config as the tensors' shapes tell it
CheckpointMetadata read_checkpoint_metadata(const Documents& documents, const Dialect& dialect,
                                            const ClipConfig& config, const std::string& where);

/// Takes over the keys of a clipq_checkpoint.json. Throws UsageError or InputError that names
/// `place` and the key if one is unknown or has a value that isn't valid.
void read_document(CheckpointMetadata& metadata, const Json& json, const std::string& place);

/// Gives a config inferred from shapes what the metadata tell of the architecture, the pixels
/// beyond the last whole patch among it. Throws InputError if a size that they tell isn't the
/// tensors'.
void settle_architecture(const CheckpointMetadata& metadata, ClipConfig& config,
                         const std::string& where);

}  // namespace clipq
