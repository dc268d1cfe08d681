#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "clipq/artifact/manifest.h"
#include "clipq/model/clip_model.h"
#include "clipq/text/tokenizer.h"

namespace clipq {

/// An exported folder whose graphs run in ONNX Runtime, in Python processes that live as long as
/// the model.
struct OnnxFolder {
  ClipModel model;                     ///< embeds; its towers have no parts
  std::optional<Tokenizer> tokenizer;  ///< absent: the standard one
  std::string recipe;                  ///< empty: float
  std::string sha256;                  ///< of the graphs' files
  std::int64_t size_bytes = 0;         ///< likewise
  std::string runtime;                 ///< "ONNX Runtime 1.32.0"
  Source source;
};

/// Whether `path` is a folder that export_onnx() wrote.
bool is_onnx_folder(const std::filesystem::path& path);

/// Throws InputError if it is one: for what needs the layers of a model.
void require_no_onnx_folder(const std::filesystem::path& path);

/// Throws InputError if the folder is damaged, no Python with ONNX Runtime is found, or the runtime
/// doesn't load a graph.
OnnxFolder open_onnx_folder(const std::filesystem::path& folder);

}  // namespace clipq
