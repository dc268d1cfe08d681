#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "clipq/checkpoint/checkpoint_contents.h"
#include "clipq/checkpoint/parity.h"
#include "clipq/model/clip_model.h"
#include "clipq/model/size_parts.h"
#include "clipq/text/tokenizer.h"

namespace clipq {

/// How a checkpoint is read.
struct CheckpointOptions {
  SettingChoices settings;         ///< what the user says of the towers
  Json document = Json::object();  ///< keys of clipq_checkpoint.json that win over the file's
  ParityMode parity = ParityMode::kSandbox;
};

/// What decides what load_checkpoint makes of a file.
Json to_json(const CheckpointOptions& options);

/// Texts in a file, and their ids by the original's tokenizer.
struct SampleTexts {
  std::vector<std::string> texts;
  at::Tensor tokens;  ///< int64 [texts, context]
};

/// What the user brought, loaded and checked.
struct Checkpoint {
  ClipModel model;                          ///< float32
  std::string container;                    ///< what it came in
  std::string dialect;                      ///< the family whose names it has
  std::optional<Tokenizer> tokenizer;       ///< its own, if its documents have one
  SettledTowers towers;                     ///< the towers' settings and where they were found
  std::optional<Parity> parity;             ///< absent if there was nothing to compare with
  std::string unchecked;                    ///< then: what it was not checked for, in words
  bool knows_preprocess = false;            ///< whether its documents tell the preprocessing
  std::optional<SampleTexts> sample_texts;  ///< of its samples, if it has some
  bool is_part_of_file = false;    ///< whether the file also holds a tower that was left out
  std::int64_t float32_bytes = 0;  ///< size of all weights in float32
  TensorBytes stored;              ///< sizes of the tensors as they are stored
  std::map<std::string, std::int64_t> dtypes;  ///< numbers of tensors by dtype, "Half"
};

/// Makes a CLIP, or one of its towers alone, of the contents of a file or folder.
/// If an archive's code takes only images or only texts, the other tower is left out.
///
/// Heads, activation and LayerNorm eps of each tower are those of `options` if given (of their
/// `settings` before their `document`), else of the checkpoint's documents, else read off the
/// archive's code, else tried against embeddings: those that the archive's own code gives, or those
/// of the samples in the file.
/// Throws InputError if it isn't such a checkpoint, if our embeddings differ from its own, or if
/// they can't be compared and `options` don't skip that; UsageError if a setting can't be told, or
/// if the `document` of `options` has a key or value that isn't valid. The contents are used up.
/// @param where the file or folder, for messages
Checkpoint load_checkpoint(CheckpointContents contents, const std::string& where,
                           const CheckpointOptions& options);

}  // namespace clipq
