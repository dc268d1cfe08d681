#include "clipq/checkpoint/checkpoint.h"

#include <cerrno>
#include <cstring>
#include <utility>

#include "checkpoint_metadata.h"
#include "clipq/checkpoint/dialect.h"
#include "clipq/checkpoint/tokenizer_documents.h"
#include "clipq/core/error.h"
#include "clipq/core/log.h"
#include "clipq/core/setting.h"
#include "clipq/core/strings.h"
#include "clipq/model/build_model.h"
#include "code_settings.h"
#include "samples.h"

namespace clipq {
namespace {

std::int64_t float32_bytes(const StateDict& state) {
  std::int64_t elements = 0;
  for (const auto& [name, tensor] : state) {
    if (tensor.is_floating_point()) elements += tensor.numel();
  }
  return elements * static_cast<std::int64_t>(sizeof(float));
}

/// Paths of a tower's modules in the archive.
std::vector<std::string> modules_of(const CanonicalState& state, Tower tower,
                                    const ClipConfig& config) {
  ClipModel towers = make_towers(config);
  std::vector<std::string> modules = state.dialect->modules(tower);
  if (modules.empty()) modules = top_level_names(parts_of(towers), tower);
  for (std::string& module : modules) module.insert(0, state.prefix);
  return modules;
}

SettledTowers settle_towers(const CheckpointContents& contents, const CanonicalState& state,
                            ClipConfig& config, const SettingChoices& options,
                            const SettingChoices& metadata) {
  SettledTowers towers;
  for (const Tower tower : kTowers) {
    TowerConfig& tower_config = config.tower(tower);
    const CodeSettings code =
        contents.archive ? read_code_settings(*contents.archive, modules_of(state, tower, config),
                                              tower_config.width)
                         : CodeSettings();
    towers.of(tower) = settle_tower(tower_config, tower, options, metadata, code);
    tower_config.settings = towers.of(tower).settings();
  }
  return towers;
}

/// What is taken on trust where nothing can be compared.
std::string assumptions(const Checkpoint& checkpoint) {
  std::vector<std::string> parts;
  for (const Tower tower : kTowers) {
    const std::string assumed = checkpoint.towers.of(tower).assumed();
    if (!assumed.empty()) parts.push_back(cat(name_of(tower), " tower: ", assumed));
  }
  parts.push_back(cat("text tower: ", describe(checkpoint.model.text->config())));
  parts.emplace_back("embeddings that aren't scaled to length 1");
  if (!checkpoint.knows_preprocess) {
    parts.push_back(cat("the usual preprocessing of images for ", checkpoint.dialect));
  }
  return join(parts, "; ");
}

/// An activation changes embeddings by a few points of accuracy without any error.
void require_known_activation(const SettledTowers& towers, const std::string& where) {
  if (towers.vision.activation.origin != Origin::kAssumed &&
      towers.text.activation.origin != Origin::kAssumed) {
    return;
  }
  throw UsageError(
      cat(where,
          ": the activation can't be told from this file, and there is nothing to try it "
          "against; pass quick_gelu (OpenAI's models), gelu (most open_clip models) or gelu_tanh "
          "(Hugging Face's SigLIP)"),
      {{Setting::kActivation}});
}

/// A file with neither code nor samples: what its documents and options don't tell must be given.
void require_told(const SettledTowers& towers, const std::string& where) {
  for (const Tower tower : kTowers) {
    if (towers.of(tower).heads.origin != Origin::kAssumed) continue;
    throw UsageError(
        cat(where, ": neither a configuration nor samples give the number of heads of its ",
            name_of(tower), " tower; pass it, or pass the folder that holds config.json"),
        {{Setting::kHeads}});
  }
  require_known_activation(towers, where);
}

void trust(Checkpoint& checkpoint, const std::string& reason, const std::string& where) {
  checkpoint.unchecked =
      cat("not compared with ", reason, "; taken on trust: ", assumptions(checkpoint));
  log::warn(cat(where, ": ", checkpoint.unchecked));
}

[[noreturn]] void throw_not_comparable(const Checkpoint& checkpoint, const std::string& failure,
                                       ParityMode mode, const std::string& where) {
  const bool forbidden =
      mode == ParityMode::kSandbox && failure.find(std::strerror(EPERM)) != std::string::npos;
  std::vector<Advice> advice = {{Setting::kParity, "skip"}};
  if (forbidden) advice.insert(advice.begin(), {Setting::kParity, "run"});
  throw InputError(
      cat(where, ": can't be compared with the archive's own embeddings: ", failure,
          forbidden ? " (the sandbox keeps an archive's code from writing files, opening sockets "
                      "and starting programs; if you trust it, run it without)"
                    : "",
          ". To continue, skip this check; these are then taken on trust: ",
          assumptions(checkpoint)),
      std::move(advice));
}

/// @param archive the file with the code that can be run; empty: there is none
void check(Checkpoint& checkpoint, const std::filesystem::path& archive,
           const std::optional<Reference>& samples, const std::string& where, ParityMode mode) {
  if (samples) {
    checkpoint.parity = require_parity(checkpoint.model, checkpoint.towers, *samples, where);
    return;
  }
  if (archive.empty()) {
    require_told(checkpoint.towers, where);
    trust(checkpoint, "the original's embeddings (it has no code, and no samples)", where);
    return;
  }
  if (mode == ParityMode::kSkip) {
    require_known_activation(checkpoint.towers, where);
    trust(checkpoint, "the archive's own embeddings", where);
    return;
  }
  const ReferenceResult result = run_reference(archive, checkpoint.model.config(), mode);
  if (!result.reference) throw_not_comparable(checkpoint, result.failure, mode, where);
  checkpoint.parity = require_parity(checkpoint.model, checkpoint.towers, *result.reference, where);
}

/// Applies the document of `options` to the metadata; returns the settings that `options` give.
SettingChoices apply_options(CheckpointMetadata& metadata, const CheckpointOptions& options) {
  const SettingChoices told = std::exchange(metadata.settings, {});
  read_document(metadata, options.document, "settings of the checkpoint");
  SettingChoices choices = std::exchange(metadata.settings, told);
  overlay(choices.heads, options.settings.heads);
  overlay(choices.activation, options.settings.activation);
  overlay(choices.layer_norm_eps, options.settings.layer_norm_eps);
  return choices;
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
  if (!options.document.empty()) json["document"] = options.document;
  return json;
}

Checkpoint load_checkpoint(CheckpointContents contents, const std::string& where,
                           const CheckpointOptions& options) {
  Checkpoint checkpoint;
  checkpoint.container = contents.container;
  const std::optional<Reference> samples = take_samples(contents.tensors, where);
  checkpoint.sample_texts = sample_texts_of(contents.documents, samples, where);
  CanonicalState state = to_canonical(std::exchange(contents.tensors, {}), where);
  checkpoint.dialect = state.dialect->name;
  checkpoint.tokenizer = read_tokenizer(contents.documents, state.dialect->is_hugging_face, where);
  checkpoint.float32_bytes = float32_bytes(state.tensors);
  checkpoint.stored = tensor_bytes(state.tensors);
  const std::string place =
      is_canonical(*state.dialect) ? where : cat(where, " (tensors under OpenAI's names)");
  ClipConfig config = infer_config(state.tensors, place);
  if (state.dialect->settle != nullptr) state.dialect->settle(config);
  CheckpointMetadata metadata = read_checkpoint_metadata(contents.documents, *state.dialect, where);
  const SettingChoices choices = apply_options(metadata, options);
  if (samples && !metadata.image_size) metadata.image_size = samples->pixels.size(3);
  settle_architecture(metadata, config, where);
  checkpoint.knows_preprocess = metadata.knows_preprocess;
  metadata.preprocess.size = static_cast<int>(config.image.resolution);
  checkpoint.towers = settle_towers(contents, state, config, choices, metadata.settings);
  const std::filesystem::path archive = contents.archive ? contents.archive->file() : "";
  contents.archive.reset();  // what the model doesn't share is freed as it is read
  checkpoint.model = build_model(config, metadata.preprocess, std::move(state.tensors), place);
  check(checkpoint, archive, samples, where, options.parity);
  return checkpoint;
}

}  // namespace clipq
