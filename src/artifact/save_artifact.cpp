#include <torch/csrc/jit/serialization/export.h>
#include <torch/script.h>

#include <functional>

#include "clipq/artifact/artifact.h"
#include "clipq/core/atomic_file.h"
#include "clipq/core/error.h"
#include "clipq/core/memory.h"
#include "clipq/core/strings.h"
#include "clipq/model/state_digest.h"
#include "tokenizer_files.h"
#include "torchscript_writer.h"

namespace clipq {
namespace {

/// Gives the archive's bytes to `write`, in order.
void export_artifact(const Artifact& artifact, const std::string& where,
                     const std::function<void(const void*, std::size_t)>& write) {
  // Torch's writer ends the program if it is told of a failure; who writes must remember it.
  const auto write_all = [&write](const void* data, std::size_t bytes) {
    write(data, bytes);
    return bytes;
  };
  try {
    const ClipModel& model = artifact.quantized.model;
    const torch::jit::Module clip = write_torchscript(model);
    StateDict state;
    for (const auto& buffer : clip.named_buffers()) state[buffer.name] = buffer.value;
    const Manifest manifest = {model.config(), model.preprocess, artifact.quantized.quantization,
                               artifact.source, sha256_of(state)};
    torch::jit::ExtraFilesMap extra = {{"clipq.json", to_sealed_json(manifest).dump(1)}};
    if (artifact.tokenizer) {
      for (auto& [name, bytes] : to_extra_files(*artifact.tokenizer)) extra[name] = bytes;
    }
    torch::jit::ExportModule(clip, write_all, extra);
  } catch (const std::exception& failure) {
    if (is_out_of_memory(failure)) throw;
    throw InternalError(cat("cannot build the artifact ", where, ": ", failure.what()));
  }
}

}  // namespace

void save_artifact(const Artifact& artifact, const std::filesystem::path& file) {
  AtomicFile out(file);
  export_artifact(artifact, file.string(),
                  [&out](const void* data, std::size_t bytes) { out.try_write(data, bytes); });
  out.commit();
}

std::int64_t artifact_bytes(const Artifact& artifact) {
  std::int64_t total = 0;
  export_artifact(artifact, "its size", [&total](const void* /*data*/, std::size_t bytes) {
    total += static_cast<std::int64_t>(bytes);
  });
  return total;
}

}  // namespace clipq
