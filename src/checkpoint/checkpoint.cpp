#include "clipq/checkpoint/checkpoint.h"

#include <cerrno>
#include <cstring>
#include <utility>

#include "checkpoint_metadata.h"
#include "clipq/core/error.h"
#include "clipq/core/log.h"
#include "clipq/core/strings.h"
#include "clipq/model/build_model.h"

namespace clipq {
namespace {

std::int64_t float32_bytes(const StateDict& state) {
  std::int64_t elements = 0;
  for (const auto& [name, tensor] : state) {
    if (tensor.is_floating_point()) elements += tensor.numel();
  }
  return elements * static_cast<std::int64_t>(sizeof(float));
}

SettledTowers settle_towers(const TorchScriptArchive& archive, ClipConfig& config,
                            const SettingChoices& options, const SettingChoices& metadata) {
  SettledTowers towers;
  for (const Tower tower : kTowers) {
    towers.of(tower) = settle_tower(archive, config, tower, options, metadata);
    config.tower(tower).settings = towers.of(tower).settings();
  }
  return towers;
}

/// What is taken on trust where nothing can be compared.
std::string assumptions(const SettledTowers& towers) {
  std::vector<std::string> parts;
  for (const Tower tower : kTowers) {
    const std::string assumed = towers.of(tower).assumed();
    if (!assumed.empty()) parts.push_back(cat(name_of(tower), " tower: ", assumed));
  }
  parts.emplace_back(
      "a causal text tower, pooled at the token with the largest id; embeddings that aren't scaled "
      "to "
      "length 1");
  return join(parts, "; ");
}

/// An activation changes embeddings by a few points of accuracy without any error.
void require_known_activation(const SettledTowers& towers, const std::string& where) {
  if (towers.vision.activation.origin != Origin::kAssumed &&
      towers.text.activation.origin != Origin::kAssumed) {
    return;
  }
  throw UsageError(cat(where,
                       ": the activation can't be told from this archive, and its own code "
                       "isn't run to try; give --activation quick_gelu (OpenAI's models) or "
                       "gelu (most open_clip models)"));
}

void check(Checkpoint& checkpoint, const std::filesystem::path& file, const std::string& where,
           ParityMode mode) {
  const std::string trusted = assumptions(checkpoint.towers);
  if (mode == ParityMode::kSkip) {
    require_known_activation(checkpoint.towers, where);
    checkpoint.unchecked =
        cat("not compared with the archive's own embeddings (--parity skip); "
            "taken on trust: ",
            trusted);
    log::warn(cat(where, ": ", checkpoint.unchecked));
    return;
  }
  const ReferenceResult result = run_reference(file, checkpoint.model.config(), mode);
  if (!result.reference) {
    const bool forbidden = mode == ParityMode::kSandbox &&
                           result.failure.find(std::strerror(EPERM)) != std::string::npos;
    throw InputError(
        cat(where, ": can't be compared with the archive's own embeddings: ", result.failure,
            forbidden ? " (the sandbox keeps an archive's code from writing files, opening sockets "
                        "and starting programs; if you trust it, give --parity run)"
                      : "",
            ". To continue without this check, use --parity skip; these are then taken on trust: ",
            trusted));
  }
  checkpoint.parity = require_parity(checkpoint.model, checkpoint.towers, *result.reference, where);
}

}  // namespace

Json to_json(const CheckpointOptions& options) {
  Json json = {{"parity", name_of(options.parity)}};
  for (const Tower tower : kTowers) {
    const auto& heads = options.settings.heads.of(tower);
    const auto& activation = options.settings.activation.of(tower);
    json[name_of(tower)] = {{"heads", heads ? Json(*heads) : Json("auto")},
                            {"activation", activation ? name_of(*activation) : "auto"}};
  }
  return json;
}

Checkpoint load_checkpoint(TorchScriptArchive archive, const std::string& where,
                           const CheckpointOptions& options) {
  const std::filesystem::path file = archive.file();
  Checkpoint checkpoint;
  checkpoint.bpe_vocab = archive.extra("bpe_vocab");
  checkpoint.float32_bytes = float32_bytes(archive.state_dict());
  ClipConfig config = infer_config(archive.state_dict(), where);
  CheckpointMetadata metadata = read_checkpoint_metadata(archive, where);
  metadata.preprocess.size = static_cast<int>(config.image.resolution);
  checkpoint.towers = settle_towers(archive, config, options.settings, metadata.settings);
  StateDict state = archive.state_dict();
  // What the model doesn't share is freed as it is read.
  { const TorchScriptArchive used_up = std::move(archive); }
  checkpoint.model = build_model(config, metadata.preprocess, std::move(state), where);
  check(checkpoint, file, where, options.parity);
  return checkpoint;
}

}  // namespace clipq
