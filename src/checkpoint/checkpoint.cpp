#include "clipq/checkpoint/checkpoint.h"

#include <algorithm>
#include <utility>

#include "clipq/core/error.h"
#include "clipq/core/log.h"
#include "clipq/core/strings.h"
#include "clipq/data/preprocess_json.h"
#include "clipq/model/build_model.h"

namespace clipq {
namespace {

/// What an archive's extra file clipq_checkpoint.json tells beyond the weights.
struct Metadata {
  std::optional<Activation> activation;
  std::optional<std::int64_t> vision_heads;
  std::optional<std::int64_t> text_heads;
  Preprocess preprocess;
};

Metadata read_metadata(const TorchScriptArchive& archive, const std::string& where) {
  Metadata metadata;
  const auto text = archive.extra("clipq_checkpoint.json");
  if (!text) return metadata;
  const std::string place = where + ": extra/clipq_checkpoint.json";
  const Json json = parse_json(*text, place);
  try {
    require_known_keys(json, {"activation", "vision_heads", "text_heads", "preprocess"}, place);
    const auto activation = json_value<std::string>(json, "activation", "", place);
    if (!activation.empty()) metadata.activation = parse_activation(activation, place);
    if (json.contains("vision_heads")) {
      metadata.vision_heads = json_value<std::int64_t>(json, "vision_heads", 0, place);
    }
    if (json.contains("text_heads")) {
      metadata.text_heads = json_value<std::int64_t>(json, "text_heads", 0, place);
    }
    const Json preprocess = json_value(json, "preprocess", Json::object(), place);
    require_known_keys(preprocess, {"mean", "std", "crop_offset", "interpolation"},
                       place + ": preprocess");
    metadata.preprocess = preprocess_from_json(preprocess, place);
  } catch (const UsageError& failure) {
    throw InputError(failure.what());
  }
  return metadata;
}

/// The activation that makes the model agree best with its archive.
Activation best_activation(ClipModel model, const ReferenceEmbeddings& reference) {
  std::vector<std::pair<double, Activation>> tried;
  for (const Activation activation : activations()) {
    model.config.activation = activation;
    tried.emplace_back(check_parity(model, reference).worst(), activation);
  }
  return std::max_element(
             tried.begin(), tried.end(),
             [](const auto& left, const auto& right) { return left.first < right.first; })
      ->second;
}

/// Sets the model's activation, and says where it was found.
std::string settle_activation(ClipModel& model, std::optional<Activation> given,
                              const Metadata& metadata, const TorchScriptArchive& archive,
                              const std::optional<ReferenceEmbeddings>& reference,
                              const std::string& where) {
  const auto use = [&model](Activation activation, const char* source) {
    model.config.activation = activation;
    return std::string(source);
  };
  if (given) return use(*given, "--activation");
  if (metadata.activation) return use(*metadata.activation, "the archive's metadata");
  if (const auto found = archive.activation_in_graph()) return use(*found, "the archive's graph");
  if (reference) return use(best_activation(model, *reference), "tried against the archive's own");
  throw UsageError(
      cat(where, ": the activation can't be told from this archive, and its own code ",
          "doesn't run here to try; give --activation quick_gelu (OpenAI's models) or ",
          "gelu (most open_clip models)"));
}

std::int64_t float32_bytes(const StateDict& state) {
  std::int64_t elements = 0;
  for (const auto& [name, tensor] : state) {
    if (tensor.is_floating_point()) elements += tensor.numel();
  }
  return elements * static_cast<std::int64_t>(sizeof(float));
}

}  // namespace

Checkpoint load_checkpoint(TorchScriptArchive archive, const std::string& where,
                           std::optional<Activation> activation) {
  archive.prepare_to_run();
  StateDict state = archive.state_dict();
  ClipConfig config = infer_config(state, where);
  Metadata metadata = read_metadata(archive, where);
  config.vision_heads = metadata.vision_heads.value_or(config.vision_heads);
  config.text_heads = metadata.text_heads.value_or(config.text_heads);
  metadata.preprocess.size = static_cast<int>(config.image_resolution);

  Checkpoint checkpoint;
  checkpoint.bpe_vocab = archive.extra("bpe_vocab");
  checkpoint.float32_bytes = float32_bytes(state);
  checkpoint.model = build_model(config, metadata.preprocess, std::move(state), where);

  std::optional<ReferenceEmbeddings> reference;
  try {
    reference = reference_embeddings(archive, config);
  } catch (const InputError& failure) {
    checkpoint.parity_skipped = failure.what();
    log::warn(cat("parity not checked: ", failure.what()));
  }
  checkpoint.activation_source =
      settle_activation(checkpoint.model, activation, metadata, archive, reference, where);
  if (reference) {
    checkpoint.parity = check_parity(checkpoint.model, *reference);
    require_parity(*checkpoint.parity, checkpoint.model.config.activation, where);
  }
  return checkpoint;
}

}  // namespace clipq
