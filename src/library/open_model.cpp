#include "clipq/library/open_model.h"

#include <numeric>
#include <utility>

#include "clipq/checkpoint/tokenizer_documents.h"
#include "clipq/core/error.h"
#include "clipq/core/log.h"
#include "clipq/core/setting.h"
#include "clipq/core/sha256.h"
#include "clipq/core/strings.h"
#include "clipq/model/size_parts.h"
#include "clipq/native/native_model.h"
#include "clipq/onnx/onnx_folder.h"
#include "clipq/text/tokenizer_source.h"

namespace clipq {
namespace {

std::int64_t total_bytes(const TensorBytes& stored) {
  return std::accumulate(stored.begin(), stored.end(), std::int64_t{0},
                         [](std::int64_t sum, const auto& entry) { return sum + entry.second; });
}

Tokenizer or_standard(const std::optional<Tokenizer>& own) {
  return own ? *own : Tokenizer::standard();
}

/// A file's tokenizer in place of an artifact's, whose cleaning and padding stay if it is of the
/// same kind.
Tokenizer read_tokenizer_file(const std::filesystem::path& file,
                              const std::optional<Tokenizer>& own) {
  Documents documents;
  replace_tokenizer(documents, file);
  const std::optional<Tokenizer> read =
      read_tokenizer(documents, /*is_hugging_face=*/false, file.string());
  if (!read) throw InternalError("a tokenizer's file that none was read from");
  if (!own) return *read;
  TokenizerSource source = own->source();
  TokenizerSource given = read->source();
  if (source.settings.kind != given.settings.kind) return *read;
  source.vocabulary = std::move(given.vocabulary);
  return {source, file.string()};
}

NativeOptions native_options(const ModelOptions& options) {
  NativeOptions native;
  native.attention = options.attention;
  if (options.kernels != nullptr) {
    native.path = options.kernels->integer;
    native.floats = options.kernels->floats;
  }
  return native;
}

/// The part of a model that is wanted.
ClipModel wanted_of(ClipModel model, const ModelOptions& options) {
  const bool has_both = model.image && model.text;
  return has_both && options.tower ? tower_alone(std::move(model), *options.tower)
                                   : std::move(model);
}

/// Puts an artifact's layers on native kernels where available.
void make_native(Artifact& artifact, ModelInfo& info, const std::string& where,
                 const ModelOptions& options) {
  NativeModel native =
      clipq::make_native(std::move(artifact.quantized.model), native_options(options));
  artifact.quantized.model = std::move(native.model);
  for (const std::string& layer : native.simulated) log::debug(cat(where, ": simulated ", layer));
  info.kernels = native.describe();
  if (info.kernels.empty()) {
    log::info(cat(where, ": recipe ", info.recipe,
                  " has no layers for native kernels; its layers are simulated in float32"));
    return;
  }
  info.mode = "native";
  log::info(cat(where, ": kernels: ", info.kernels));
}

OpenedModel open_artifact(CheckpointContents contents, const std::string& where, ModelInfo info,
                          const ModelOptions& options) {
  const TensorBytes stored = tensor_bytes(contents.tensors);
  Artifact artifact = load_artifact(std::move(contents), where);
  info.parts = size_parts(parts_of(artifact.quantized.model), stored, info.size_bytes);
  info.unchecked = artifact.source.unchecked;
  info.float32_bytes = artifact.source.float32_bytes;
  info.source_bytes = artifact.source.size_bytes;
  if (!info.unchecked.empty()) {
    log::warn(cat(where, ": its checkpoint was ", info.unchecked));
  }
  artifact.quantized.model = wanted_of(std::move(artifact.quantized.model), options);
  if (!options.bpe.empty() && artifact.quantized.model.text) {
    artifact.tokenizer = read_tokenizer_file(options.bpe, artifact.tokenizer);
  }
  info.mode = "float";
  std::optional<Quantization> quantization;
  if (!artifact.quantized.quantization.quantizers.empty()) {
    quantization = std::move(artifact.quantized.quantization);
    info.recipe = quantization->recipe_name;
    info.component = quantization->component;
    info.mode = "simulate";
    if (!options.simulate) make_native(artifact, info, where, options);
  }
  return {.model = std::move(artifact.quantized.model),
          .tokenizer = or_standard(artifact.tokenizer),
          .info = std::move(info),
          .own_tokenizer = std::move(artifact.tokenizer),
          .checkpoint = std::nullopt,
          .quantization = std::move(quantization),
          .source = std::move(artifact.source)};
}

/// Compares our ids of the samples' texts with the original's, up to the end of each text.
void require_same_ids(const Tokenizer& tokenizer, const SampleTexts& samples, bool causal,
                      const std::string& where) {
  const std::int64_t length = samples.tokens.size(1);
  const std::vector<std::int32_t> ids = tokenizer.tokenize(samples.texts, length);
  for (std::size_t i = 0; i < samples.texts.size(); ++i) {
    for (std::int64_t j = 0; j < length; ++j) {
      const std::int64_t ours =
          ids[i * static_cast<std::size_t>(length) + static_cast<std::size_t>(j)];
      const auto theirs = samples.tokens[static_cast<std::int64_t>(i)][j].item<std::int64_t>();
      if (ours != theirs) {
        throw InputError(
            cat(where, ": its tokenizer gives \"", samples.texts[i], "\" other ids (", theirs,
                " where ", ours, " is found with ", tokenizer.name(), "); pass its tokenizer"),
            {{Setting::kMerges}});
      }
      // Nothing behind the pooled end has an effect on a causal tower, and libraries pad
      // differently.
      if (causal && ours == tokenizer.frame().end) break;
    }
  }
}

OpenedModel open_checkpoint(CheckpointContents contents, const std::string& where, ModelInfo info,
                            const ModelOptions& options) {
  if (!options.bpe.empty()) replace_tokenizer(contents.documents, options.bpe);
  Checkpoint checkpoint = load_checkpoint(std::move(contents), where, options.checkpoint);
  info.mode = "float";
  info.unchecked = checkpoint.unchecked;
  if (checkpoint.parity) {
    log::debug(cat(where, ": compared with ", checkpoint.parity->source, ": ",
                   to_json(*checkpoint.parity).dump()));
  }
  info.float32_bytes = checkpoint.float32_bytes;
  info.source_bytes = checkpoint.is_part_of_file ? total_bytes(checkpoint.stored) : info.size_bytes;
  Source source = {std::filesystem::path(where).filename().string(), info.sha256, info.source_bytes,
                   checkpoint.float32_bytes, checkpoint.unchecked};
  ClipModel model = std::exchange(checkpoint.model, ClipModel());
  info.parts = size_parts(parts_of(model), checkpoint.stored, info.size_bytes);
  const std::optional<Tokenizer> own = checkpoint.tokenizer;
  Tokenizer tokenizer = or_standard(own);
  if (model.text && checkpoint.sample_texts) {
    require_same_ids(tokenizer, *checkpoint.sample_texts, model.text->config().causal, where);
  }
  return {.model = wanted_of(std::move(model), options),
          .tokenizer = std::move(tokenizer),
          .info = std::move(info),
          .own_tokenizer = own,
          .checkpoint = std::move(checkpoint),
          .quantization = std::nullopt,
          .source = std::move(source)};
}

OpenedModel open_exported(const std::filesystem::path& folder) {
  OnnxFolder exported = open_onnx_folder(folder);
  ModelInfo info;
  info.path = folder.string();
  info.sha256 = exported.sha256;
  info.size_bytes = exported.size_bytes;
  info.recipe = exported.recipe;
  info.mode = "onnx";
  info.kernels = exported.runtime;
  info.float32_bytes = exported.source.float32_bytes;
  info.source_bytes = exported.source.size_bytes;
  info.unchecked = exported.source.unchecked;
  log::info(cat(info.path, ": runs in ", info.kernels));
  return {.model = std::move(exported.model),
          .tokenizer = or_standard(exported.tokenizer),
          .info = std::move(info),
          .own_tokenizer = std::move(exported.tokenizer),
          .checkpoint = std::nullopt,
          .quantization = std::nullopt,
          .source = std::move(exported.source)};
}

}  // namespace

EvaluatedModel evaluated(const OpenedModel& opened) {
  return {&opened.model,
          &opened.tokenizer,
          std::filesystem::path(opened.info.path).stem().string(),
          cat(opened.info.sha256, " ", opened.info.mode, " ", opened.info.kernels),
          opened.quantization ? &*opened.quantization : nullptr,
          opened.info.path};
}

void warn_of_unchecked(Result& result) {
  if (result.model.unchecked.empty()) return;
  result.warnings.push_back(cat(result.model.path, ": ", result.model.unchecked));
}

OpenedModel open_model(const std::filesystem::path& file, const ModelOptions& options) {
  if (is_onnx_folder(file)) return open_exported(file);
  const std::string where = file.string();
  CheckpointContents contents = read_contents(file);  // first: what can't be read isn't hashed
  const std::vector<std::filesystem::path> files = checkpoint_files(file);
  ModelInfo info;
  info.path = where;
  info.size_bytes = total_bytes(files);
  info.sha256 = sha256_of(files);
  return is_artifact(contents)
             ? open_artifact(std::move(contents), where, std::move(info), options)
             : open_checkpoint(std::move(contents), where, std::move(info), options);
}

}  // namespace clipq
