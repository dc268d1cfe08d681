#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "clipq/checkpoint/torchscript_archive.h"
#include "clipq/model/state_dict.h"

namespace clipq {

/// What a checkpoint's file or folder holds, read as data: no code of it is run.
struct CheckpointContents {
  std::string container;  ///< "TorchScript archive", "safetensors", …
  StateDict tensors;      ///< under the names that they are stored by, in their own types
  /// Texts, and the bytes of SentencePiece models, beside the tensors by name: "config.json",
  /// "merges.txt", "clipq_checkpoint.json", ….
  std::map<std::string, std::string> documents;
  std::optional<TorchScriptArchive> archive;  ///< if it has code
};

/// The documents that only artifacts of clipq have, which a TorchScript archive holds as extra
/// files and safetensors as metadata, bytes in base64 and named so.
inline constexpr const char* kManifestDocument = "clipq.json";
inline constexpr const char* kTokenizerSettingsDocument = "clipq_tokenizer.json";
inline constexpr const char* kTokenizerVocabularyDocument = "tokenizer_vocabulary";

/// Reads a TorchScript archive, a .safetensors file, the index of sharded ones, a torch.save file
/// of any PyTorch, a program of torch.export, or a folder as Hugging Face and open_clip lay it out.
/// Throws InputError if it is missing, damaged, or something else, and then says what.
CheckpointContents read_contents(const std::filesystem::path& checkpoint);

/// The files that a checkpoint consists of: itself, or those of a folder that are read. Throws
/// InputError if it is missing, or a folder without weights.
std::vector<std::filesystem::path> checkpoint_files(const std::filesystem::path& checkpoint);

/// The SHA-256 of a single file's bytes; of several, of their names and SHA-256s.
std::string sha256_of(const std::vector<std::filesystem::path>& files);

/// Bytes of all files.
std::int64_t total_bytes(const std::vector<std::filesystem::path>& files);

}  // namespace clipq
