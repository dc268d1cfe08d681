#include "clipq/checkpoint/checkpoint_contents.h"

#include <algorithm>
#include <array>
#include <fstream>
#include <string_view>
#include <utility>

#include "checkpoint_folder.h"
#include "clipq/core/error.h"
#include "clipq/core/files.h"
#include "clipq/core/sha256.h"
#include "clipq/core/strings.h"
#include "clipq/core/zip_archive.h"
#include "legacy_torch_save.h"
#include "safetensors.h"
#include "torch_export.h"
#include "torch_save.h"
#include "torch_zip.h"

namespace clipq {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kHeadBytes = 512;

/// A file that isn't a checkpoint: how it begins, and what it is.
struct Foreign {
  std::string_view beginning;
  const char* what;
};

constexpr std::array<Foreign, 6> kForeign = {
    {{"version https://git-lfs", "a Git LFS pointer instead of the file itself; run git lfs pull"},
     {"<!DOCTYPE", "an HTML page, as servers send in place of a file; download it again"},
     {"<!doctype", "an HTML page, as servers send in place of a file; download it again"},
     {"<html", "an HTML page, as servers send in place of a file; download it again"},
     {"GGUF", "a GGUF file, which clipq doesn't read"},
     {"\x89HDF", "an HDF5 file, which clipq doesn't read"}}};

std::string head_of(const fs::path& file) {
  std::string head(kHeadBytes, '\0');
  std::ifstream stream(file, std::ios::binary);
  stream.read(head.data(), static_cast<std::streamsize>(head.size()));
  head.resize(static_cast<std::size_t>(stream.gcount()));
  return head;
}

CheckpointContents read_torchscript(const fs::path& file) {
  CheckpointContents contents;
  contents.container = "TorchScript archive";
  contents.archive.emplace(file);
  contents.tensors = contents.archive->state_dict();
  std::vector<std::string> names = extra_document_names();
  names.insert(names.end(),
               {kManifestDocument, kTokenizerSettingsDocument, kTokenizerVocabularyDocument});
  for (const std::string& name : names) {
    if (auto text = contents.archive->extra(name)) contents.documents[name] = std::move(*text);
  }
  return contents;
}

CheckpointContents read_zip(const fs::path& file) {
  const ZipArchive zip(file);
  const std::string folder = top_folder(zip);
  if (is_torch_export(zip)) return read_torch_export(file);
  const bool is_saved =
      zip.contains(folder + "data.pkl") && !zip.contains(folder + "constants.pkl");
  return is_saved ? read_torch_save(file) : read_torchscript(file);
}

/// A header's length, then the header: a JSON object.
bool is_safetensors(const fs::path& file, std::string_view head) {
  return file.extension() == ".safetensors" || (head.size() > 8 && head[8] == '{');
}

/// What the file is if it begins like none that is a checkpoint; nullptr: it may be one.
const char* foreign_kind(std::string_view head) {
  if (head.empty()) return "an empty file";
  for (const Foreign& each : kForeign) {
    if (head.starts_with(each.beginning)) return each.what;
  }
  return nullptr;
}

[[noreturn]] void throw_foreign(const fs::path& file, const char* what) {
  throw InputError(
      cat(file.string(), ": ", what,
          "; expected a TorchScript archive, safetensors, what torch.save or torch.export.save "
          "writes, or a folder with one of these"));
}

}  // namespace

CheckpointContents read_contents(const fs::path& checkpoint) {
  std::error_code missing;
  if (fs::is_directory(checkpoint, missing)) return read_checkpoint_folder(checkpoint);
  require_file(checkpoint, "checkpoint");
  const std::string head = head_of(checkpoint);
  if (const char* what = foreign_kind(head)) throw_foreign(checkpoint, what);
  if (head.starts_with("PK")) return read_zip(checkpoint);
  if (is_legacy_torch_save(head)) return read_legacy_torch_save(checkpoint);
  if (is_safetensors_index(checkpoint)) return read_safetensors_index(checkpoint);
  if (is_safetensors(checkpoint, head)) return read_safetensors(checkpoint);
  const bool is_onnx = checkpoint.extension() == ".onnx";
  throw_foreign(checkpoint,
                is_onnx ? "an ONNX file, which clipq doesn't read" : "not a checkpoint");
}

std::vector<fs::path> checkpoint_files(const fs::path& checkpoint) {
  std::error_code missing;
  if (fs::is_directory(checkpoint, missing)) return checkpoint_folder_files(checkpoint);
  require_file(checkpoint, "checkpoint");
  if (is_safetensors_index(checkpoint)) return safetensors_index_files(checkpoint);
  return {checkpoint};
}

std::string sha256_of(const std::vector<fs::path>& files) {
  if (files.size() == 1) return sha256_of_file(files.front());
  std::vector<std::string> lines;
  lines.reserve(files.size());
  for (const fs::path& file : files) {
    lines.push_back(cat(file.filename().string(), " ", sha256_of_file(file), "\n"));
  }
  std::sort(lines.begin(), lines.end());
  return sha256_of(join(lines, ""));
}

std::int64_t total_bytes(const std::vector<fs::path>& files) {
  std::int64_t bytes = 0;
  for (const fs::path& file : files) {
    bytes += static_cast<std::int64_t>(fs::file_size(file));
  }
  return bytes;
}

}  // namespace clipq
