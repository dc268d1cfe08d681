#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "clipq/artifact/manifest.h"
#include "clipq/checkpoint/checkpoint_contents.h"
#include "clipq/text/tokenizer.h"

namespace clipq {

/// A quantized model as it is saved.
struct Artifact {
  QuantizedModel quantized;
  Source source;
  std::optional<Tokenizer> tokenizer;  ///< the checkpoint's own, if it brought one
};

/// Writes the artifact: as safetensors if the file's name ends in .safetensors, with the same
/// tensors and the manifest as metadata; else as a TorchScript archive that stock PyTorch loads and
/// runs: methods encode_image, encode_text and forward(image, text), of a single tower its own and
/// forward(x); weights in their quantized storage, the numerics of simulate() in plain ATen
/// operators. Complete or not at all. Throws InputError if the file can't be written.
void save_artifact(const Artifact& artifact, const std::filesystem::path& file);

/// The size of the file of that name that save_artifact would write.
std::int64_t artifact_bytes(const Artifact& artifact, const std::filesystem::path& file);

/// Whether these are an artifact's contents (there is a manifest).
bool is_artifact(const CheckpointContents& contents);

/// Restores what save_artifact wrote, bit for bit. Throws InputError that names `where` if the
/// manifest and the tensors don't fit each other. The contents are used up.
Artifact load_artifact(CheckpointContents contents, const std::string& where);

}  // namespace clipq
