#include "checkpoint_folder.h"

#include <array>
#include <utility>

#include "clipq/checkpoint/tokenizer_documents.h"
#include "clipq/core/error.h"
#include "clipq/core/files.h"
#include "clipq/core/strings.h"

namespace clipq {
namespace {

/// In the order in which the libraries look for them.
constexpr std::array<const char*, 9> kWeights = {"open_clip_model.safetensors",
                                                 "open_clip_pytorch_model.safetensors",
                                                 "open_clip_pytorch_model.bin",
                                                 "open_clip_pytorch_model.pth",
                                                 "model.safetensors",
                                                 "model.safetensors.index.json",
                                                 "pytorch_model.bin",
                                                 "pytorch_model.pth",
                                                 "model.pth"};

constexpr std::array<const char*, 5> kDocuments = {
    "open_clip_config.json", "config.json", "preprocessor_config.json", "processor_config.json",
    "clipq_checkpoint.json"};

constexpr std::uintmax_t kLargestDocument = 64U << 20;

std::filesystem::path weights_in(const std::filesystem::path& folder) {
  std::error_code ignored;
  for (const char* name : kWeights) {
    if (std::filesystem::is_regular_file(folder / name, ignored)) return folder / name;
  }
  throw InputError(cat(folder.string(), ": a folder without weights: it has no ",
                       join(std::vector<std::string>(kWeights.begin(), kWeights.end()), ", ")));
}

std::vector<std::filesystem::path> documents_in(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> files;
  std::error_code ignored;
  std::vector<std::string> names(kDocuments.begin(), kDocuments.end());
  for (const std::string& name : tokenizer_document_names()) names.push_back(name);
  for (const std::string& name : names) {
    const std::filesystem::path file = folder / name;
    if (!std::filesystem::is_regular_file(file, ignored)) continue;
    if (std::filesystem::file_size(file, ignored) > kLargestDocument) {
      throw InputError(cat(file.string(), ": has more than ", kLargestDocument >> 20, " MiB"));
    }
    files.push_back(file);
  }
  return files;
}

}  // namespace

std::vector<std::filesystem::path> checkpoint_folder_files(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> files = checkpoint_files(weights_in(folder));
  for (auto& document : documents_in(folder)) files.push_back(std::move(document));
  return files;
}

CheckpointContents read_checkpoint_folder(const std::filesystem::path& folder) {
  const std::filesystem::path weights = weights_in(folder);
  CheckpointContents contents = read_contents(weights);
  contents.container = cat("folder with ", weights.filename().string());
  for (const std::filesystem::path& document : documents_in(folder)) {
    contents.documents[document.filename().string()] = read_file(document);
  }
  return contents;
}

}  // namespace clipq
