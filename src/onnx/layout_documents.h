#pragma once

#include <map>
#include <string>
#include <vector>

#include "clipq/model/clip_model.h"
#include "clipq/onnx/export_onnx.h"
#include "clipq/text/tokenizer.h"

namespace clipq {

/// Files that loaders of a layout read beside the graphs.
struct LayoutDocuments {
  std::map<std::string, std::string> files;  ///< by path below the folder
  std::vector<std::string> notes;            ///< what they can't tell, in words
};

/// Of plain and transformers.js, Hugging Face's; of Immich, open_clip's. Throws UsageError if the
/// layout's loaders can't run such a model; plain folders do without a document then, and say so.
LayoutDocuments layout_documents(const ClipModel& model, const Tokenizer& tokenizer,
                                 ExportLayout layout);

}  // namespace clipq
