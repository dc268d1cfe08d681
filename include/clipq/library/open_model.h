#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "clipq/artifact/artifact.h"
#include "clipq/checkpoint/checkpoint.h"
#include "clipq/eval/encode.h"
#include "clipq/kernels/attention_path.h"
#include "clipq/kernels/kernel_path.h"
#include "clipq/result/result.h"
#include "clipq/text/tokenizer.h"

namespace clipq {

/// What every command that opens a model takes.
struct ModelOptions {
  CheckpointOptions checkpoint = {};  ///< how checkpoints are read; artifacts hold all of it
  std::filesystem::path bpe = {};  ///< the tokenizer's file; empty: the model's own, else standard
  bool simulate = false;           ///< --mode simulate: don't use native kernels
  const KernelPath* kernels = nullptr;       ///< --kernels; nullptr: the fastest for each layer
  const AttentionPath* attention = nullptr;  ///< --attention; nullptr: the fastest
  /// All that is wanted of a model with both towers: the other one's weights are freed once they
  /// are read, and nothing is made of them. Doesn't apply to exported folders.
  std::optional<Tower> tower = {};
};

/// A model ready to run, float or quantized.
struct OpenedModel {
  ClipModel model;
  Tokenizer tokenizer;
  ModelInfo info;
  std::optional<Tokenizer> own_tokenizer;    ///< to be saved with it; absent: the standard one
  std::optional<Checkpoint> checkpoint;      ///< of a float model (its model member is empty)
  std::optional<Quantization> quantization;  ///< of an artifact
  Source source;                             ///< of an artifact: where it came from; else itself
};

/// The model as evaluations see it; refers to `opened`.
EvaluatedModel evaluated(const OpenedModel& opened);

/// Adds a warning to a Result whose model was not checked.
void warn_of_unchecked(Result& result);

/// Opens a checkpoint or an artifact. Throws InputError or UsageError as load_checkpoint and
/// load_artifact do.
OpenedModel open_model(const std::filesystem::path& file, const ModelOptions& options);

}  // namespace clipq
