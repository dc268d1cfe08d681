#include <torch/csrc/jit/serialization/export.h>
#include <torch/script.h>

#include <functional>

#include "clipq/artifact/artifact.h"
#include "clipq/artifact/tokenizer_files.h"
#include "clipq/checkpoint/tokenizer_documents.h"
#include "clipq/checkpoint/write_safetensors.h"
#include "clipq/core/atomic_file.h"
#include "clipq/core/base64.h"
#include "clipq/core/error.h"
#include "clipq/core/memory.h"
#include "clipq/core/strings.h"
#include "clipq/model/state_digest.h"
#include "torchscript_writer.h"

namespace clipq {
namespace {

using Write = std::function<void(const void*, std::size_t)>;

constexpr const char* kSafetensors = ".safetensors";

/// The model as a module, and what the file holds beside its tensors.
struct Export {
  torch::jit::Module module;
  StateDict tensors;
  Documents documents;
};

Export export_of(const Artifact& artifact) {
  const ClipModel& model = artifact.quantized.model;
  Export out = {write_torchscript(model), {}, {}};
  for (const auto& buffer : out.module.named_buffers()) out.tensors[buffer.name] = buffer.value;
  if (artifact.tokenizer) out.documents = to_documents(*artifact.tokenizer);
  const Manifest manifest = {
      model.config(),  model.preprocess,       artifact.quantized.quantization,
      artifact.source, sha256_of(out.tensors), tokenizer_digest(out.documents, "the tokenizer")};
  out.documents[kManifestDocument] = to_sealed_json(manifest).dump(1);
  return out;
}

void write_archive(const Export& exported, const Write& write) {
  // Torch's writer ends the program if it is told of a failure; who writes must remember it.
  const auto write_all = [&write](const void* data, std::size_t bytes) {
    write(data, bytes);
    return bytes;
  };
  torch::jit::ExtraFilesMap extra;
  for (const auto& [name, bytes] : exported.documents) extra[name] = bytes;
  torch::jit::ExportModule(exported.module, write_all, extra);
}

/// The documents as texts: a vocabulary may be any bytes.
Documents in_utf8(Documents documents) {
  const auto found = documents.find(kTokenizerVocabularyDocument);
  if (found == documents.end()) return documents;
  documents[cat(kTokenizerVocabularyDocument, kEncodedEnding)] = base64(found->second);
  documents.erase(kTokenizerVocabularyDocument);
  return documents;
}

/// Gives the file's bytes to `write`, in order.
void export_artifact(const Artifact& artifact, const std::filesystem::path& file,
                     const Write& write) {
  try {
    const Export exported = export_of(artifact);
    if (file.extension() == kSafetensors) {
      write_safetensors(exported.tensors, in_utf8(exported.documents), write);
    } else {
      write_archive(exported, write);
    }
  } catch (const std::exception& failure) {
    if (is_out_of_memory(failure)) throw;
    throw InternalError(cat("cannot build the artifact ", file.string(), ": ", failure.what()));
  }
}

}  // namespace

void save_artifact(const Artifact& artifact, const std::filesystem::path& file) {
  AtomicFile out(file);
  export_artifact(artifact, file,
                  [&out](const void* data, std::size_t bytes) { out.try_write(data, bytes); });
  out.commit();
}

std::int64_t artifact_bytes(const Artifact& artifact, const std::filesystem::path& file) {
  std::int64_t total = 0;
  export_artifact(artifact, file, [&total](const void* /*data*/, std::size_t bytes) {
    total += static_cast<std::int64_t>(bytes);
  });
  return total;
}

}  // namespace clipq
