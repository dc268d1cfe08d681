#include "clipq/app/open_model.h"

#include <utility>

#include "clipq/core/log.h"
#include "clipq/core/sha256.h"
#include "clipq/core/strings.h"

namespace clipq {
namespace {

Tokenizer choose_tokenizer(const std::filesystem::path& bpe,
                           const std::optional<std::string>& bpe_vocab, const std::string& where) {
  if (!bpe.empty()) return Tokenizer::from_file(bpe);
  if (bpe_vocab) return Tokenizer::from_merges(*bpe_vocab, where + ": extra/bpe_vocab");
  return Tokenizer::standard();
}

}  // namespace

OpenedModel open_model(const std::filesystem::path& file, const ModelOptions& options) {
  const std::string where = file.string();
  std::optional<TorchScriptArchive> archive(file);
  ModelInfo info;
  info.path = where;
  info.size_bytes = static_cast<std::int64_t>(std::filesystem::file_size(file));
  info.sha256 = sha256_of_file(file);
  Source source = {file.filename().string(), info.sha256, info.size_bytes, 0};
  if (is_artifact(*archive)) {
    Artifact artifact = load_artifact(*archive, where);
    Quantization& quantization = artifact.quantized.quantization;
    info.recipe = quantization.recipe_name;
    info.component = quantization.component;
    info.mode = "simulate";
    if (!options.simulate) {
      log::info(cat(where, ": native mode has no integer kernels yet; quantized layers are ",
                    "simulated in float32"));
    }
    Tokenizer tokenizer = choose_tokenizer(options.bpe, artifact.bpe_vocab, where);
    return {std::move(artifact.quantized.model),
            std::move(tokenizer),
            std::move(info),
            std::move(artifact.bpe_vocab),
            std::nullopt,
            std::move(quantization),
            std::move(artifact.source)};
  }
  Checkpoint checkpoint = load_checkpoint(std::move(*archive), where, options.activation);
  archive.reset();
  info.mode = "float";
  source.float32_bytes = checkpoint.float32_bytes;
  ClipModel model = std::exchange(checkpoint.model, ClipModel());
  Tokenizer tokenizer = choose_tokenizer(options.bpe, checkpoint.bpe_vocab, where);
  std::optional<std::string> bpe_vocab = checkpoint.bpe_vocab;
  return {std::move(model),      std::move(tokenizer), std::move(info),  std::move(bpe_vocab),
          std::move(checkpoint), std::nullopt,         std::move(source)};
}

}  // namespace clipq
