#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "clipq/artifact/manifest.h"
#include "clipq/onnx/to_onnx.h"
#include "clipq/onnx_graph/write_onnx.h"
#include "clipq/text/tokenizer.h"

namespace clipq {

/// How an exported folder is laid out.
enum class ExportLayout {
  kPlain,          ///< image.onnx and text.onnx, or model.onnx
  kImmich,         ///< visual/model.onnx and textual/model.onnx, with Immich's names of inputs
  kTransformersJs  ///< onnx/vision_model.onnx, onnx/text_model.onnx, named after their data type
};

/// "plain", "immich", "transformers.js".
const char* name_of(ExportLayout layout);

/// Throws UsageError with the valid names.
ExportLayout parse_export_layout(const std::string& name);

struct OnnxExportOptions {
  ExportLayout layout = ExportLayout::kPlain;
  OnnxTarget target = OnnxTarget::kAny;
  bool normalize = false;                             ///< embeddings of length 1
  bool joint = false;                                 ///< one graph with both towers, and logits
  bool per_tensor_ranges = false;                     ///< OnnxOptions's
  std::int64_t most_inline_bytes = kMostInlineBytes;  ///< write_onnx()'s
};

/// What is exported.
struct ExportSource {
  const ClipModel& model;  ///< float or simulated
  const Tokenizer& tokenizer;
  bool own_tokenizer = false;  ///< whether it isn't the standard one
  std::string recipe = {};     ///< empty: float
  Source source = {};
  std::string sha256 = {};  ///< of the file that was exported
};

/// A file of an exported folder.
struct ExportedFile {
  std::filesystem::path path;  ///< below the folder
  std::int64_t bytes = 0;
};

/// What was exported.
struct OnnxExport {
  std::vector<ExportedFile> files;
  std::vector<std::string> notes;  ///< what the layout's documents can't tell, in words
};

/// Where in an exported folder its description is.
inline constexpr const char* kExportDescription = "clipq/export.json";
/// Where the verdict of its verification is.
inline constexpr const char* kExportVerdict = "clipq/verification.json";
inline constexpr const char* kExportSchema = "clipq.export/1";

/// Throws InputError unless the folder can be made, or replaced because it has nothing but an
/// export in it, nor the model. Called before long work.
void require_export_target(const std::filesystem::path& folder, const std::filesystem::path& model);

/// Writes the folder: graphs, the documents of its layout, verify.py, and in clipq/ a description,
/// sample inputs and the model's embeddings of them. It gets its name when it is complete. Throws
/// UsageError if layout, target and model don't fit each other, InputError if it can't be written.
OnnxExport export_onnx(const ExportSource& source, const OnnxExportOptions& options,
                       const std::filesystem::path& folder);

}  // namespace clipq
