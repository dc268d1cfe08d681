#include "clipq/checkpoint/checkpoint.h"

#include <algorithm>
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

std::int64_t float32_bytes(ClipModel& model) {
  std::int64_t elements = model.logit_scale.defined() ? 1 : 0;
  for (const auto& [part, count] : parameter_counts(parts_of(model))) elements += count;
  return elements * static_cast<std::int64_t>(sizeof(float));
}

/// What `read` gives. Names of tensors in its messages become those of the file.
template <typename Read>
auto in_its_own_names(const Dialect& dialect, const std::string& where, const Read& read) {
  try {
    return read();
  } catch (const TensorNamesError& failure) {
    const auto originals = [&dialect](std::vector<std::string> names) {
      for (std::string& name : names) name = original_name(dialect, name);
      return names;
    };
    const std::vector<std::string>& missing = failure.missing();
    const bool has_no_first_norm =
        std::find(missing.begin(), missing.end(), "visual.ln_pre.weight") != missing.end();
    throw InputError(cat(
        where, ": its tensors are those of ", dialect.name, ", but ",
        names_text(originals(missing), originals(failure.left_over())),
        has_no_first_norm ? "; models without a norm before the first block, such as CLIPA, aren't "
                            "supported"
                          : ""));
  }
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
  for (const Tower tower : config.towers()) {
    TowerConfig& tower_config = config.tower(tower);
    const CodeSettings code =
        contents.archive ? read_code_settings(*contents.archive, modules_of(state, tower, config),
                                              tower_config.width)
                         : CodeSettings();
    towers[tower] = settle_tower(tower_config, tower, options, metadata, code);
    tower_config.settings = towers[tower].settings();
  }
  return towers;
}

Origin origin_of_reading(const CheckpointMetadata& metadata, const CheckpointOptions& options) {
  for (const char* key : {"text_pooling", "text_causal"}) {
    if (options.document.contains(key)) return Origin::kOption;
  }
  const bool is_told = metadata.text_pooling || metadata.text_causal;
  return is_told ? Origin::kMetadata : Origin::kAssumed;
}

/// What is taken on trust where nothing can be compared.
std::string assumptions(const Checkpoint& checkpoint) {
  const ClipModel& model = checkpoint.model;
  std::vector<std::string> parts;
  for (const auto& [tower, settled] : checkpoint.towers) {
    const std::string assumed = settled.assumed();
    if (!assumed.empty()) parts.push_back(cat(name_of(tower), " tower: ", assumed));
  }
  if (model.text) parts.push_back(cat("text tower: ", describe(model.text->config())));
  parts.emplace_back("embeddings that aren't scaled to length 1");
  if (model.image && !checkpoint.knows_preprocess) {
    parts.push_back(cat("the usual preprocessing of images for ", checkpoint.dialect));
  }
  return join(parts, "; ");
}

/// An activation changes embeddings by a few points of accuracy without any error.
void require_known_activation(const SettledTowers& towers, const std::string& where) {
  const bool is_known = std::all_of(towers.begin(), towers.end(), [](const auto& entry) {
    return entry.second.activation.origin != Origin::kAssumed;
  });
  if (is_known) return;
  throw UsageError(
      cat(where,
          ": the activation can't be told from this file, and there is nothing to try it "
          "against; pass quick_gelu (OpenAI's models), gelu (most open_clip models) or gelu_tanh "
          "(Hugging Face's SigLIP)"),
      {{Setting::kActivation}});
}

/// A file with neither code nor samples: what its documents and options don't tell must be given.
void require_told(const SettledTowers& towers, const std::string& where) {
  for (const auto& [tower, settled] : towers) {
    if (settled.heads.origin != Origin::kAssumed) continue;
    throw UsageError(
        cat(where, ": neither a configuration nor samples give the number of heads of its ",
            name_of(tower), " tower; pass it, or pass the folder that holds config.json"),
        {{Setting::kHeads}});
  }
  require_known_activation(towers, where);
}

/// open_clip's text towers whose projection has a bias are those of SigLIP, or others that aren't
/// causal; names tell which only if the image tower is there, too.
void require_known_reading(const ClipModel& model, const SettledTowers& towers,
                           const std::string& where) {
  if (!model.text || !model.text->config().projection_bias) return;
  const bool is_assumed = towers.at(Tower::kText).reading.origin == Origin::kAssumed;
  if (!is_assumed || !model.text->config().causal) return;
  throw UsageError(cat(where,
                       ": whether its text tower is causal, and which token it is pooled at, can't "
                       "be told from this file; give \"text_causal\" and \"text_pooling\" (false "
                       "and last for SigLIP), or pass the folder with open_clip_config.json"));
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

/// Leaves out the tower that the archive's code doesn't embed.
void leave_out_uncovered(Checkpoint& checkpoint, const Reference& reference,
                         const std::string& where) {
  for (const Tower tower : checkpoint.model.towers()) {
    if (reference.covers(tower)) continue;
    const Tower other = tower == Tower::kImage ? Tower::kText : Tower::kImage;
    log::info(cat(where, ": its code embeds only ", other == Tower::kImage ? "images" : "texts",
                  "; the ", name_of(tower), " tower is left out"));
    checkpoint.model = tower_alone(std::move(checkpoint.model), other);
    checkpoint.towers.erase(tower);
    std::erase_if(checkpoint.stored, [tower](const auto& entry) {
      return tower_of(entry.first) == tower || entry.first == "logit_scale";
    });
  }
}

/// Throws InputError if the samples are of fewer towers than the model has.
void require_samples_of(const ClipConfig& config, const Reference& samples,
                        const std::string& where) {
  for (const Tower tower : config.towers()) {
    if (samples.covers(tower)) continue;
    throw InputError(cat(where, ": its samples don't cover its ", name_of(tower),
                         " tower; export the checkpoint again"));
  }
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
    require_known_reading(checkpoint.model, checkpoint.towers, where);
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
  leave_out_uncovered(checkpoint, *result.reference, where);
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
  for (const auto& [name, tensor] : contents.tensors) {
    ++checkpoint.dtypes[c10::toString(tensor.scalar_type())];
  }
  CanonicalState state = to_canonical(std::exchange(contents.tensors, {}), where);
  checkpoint.stored = tensor_bytes(state.tensors);
  const Dialect& dialect = *state.dialect;
  checkpoint.dialect = dialect.name;
  const std::string place =
      is_canonical(dialect) ? where : cat(where, " (tensors under OpenAI's names)");
  ClipConfig config =
      in_its_own_names(dialect, where, [&] { return infer_config(state.tensors, place); });
  if (dialect.settle != nullptr) dialect.settle(config);
  if (samples) require_samples_of(config, *samples, where);
  CheckpointMetadata metadata =
      read_checkpoint_metadata(contents.documents, dialect, config, where);
  const SettingChoices choices = apply_options(metadata, options);
  if (config.image && samples && !metadata.image_size) {
    metadata.image_size = samples->pixels.size(3);
  }
  settle_architecture(metadata, config, where);
  checkpoint.knows_preprocess = metadata.knows_preprocess;
  if (config.image) metadata.preprocess.size = static_cast<int>(config.image->resolution);
  checkpoint.towers = settle_towers(contents, state, config, choices, metadata.settings);
  if (config.text) {
    checkpoint.towers[Tower::kText].reading = {*config.text, origin_of_reading(metadata, options)};
  }
  const std::filesystem::path archive = contents.archive ? contents.archive->file() : "";
  contents.archive.reset();  // what the model doesn't share is freed as it is read
  checkpoint.model = in_its_own_names(dialect, where, [&] {
    return build_model(config, metadata.preprocess, std::move(state.tensors), place);
  });
  check(checkpoint, archive, samples, where, options.parity);
  checkpoint.float32_bytes = float32_bytes(checkpoint.model);
  if (checkpoint.model.text) {
    checkpoint.tokenizer = read_tokenizer(contents.documents, dialect.is_hugging_face, where);
  }
  return checkpoint;
}

}  // namespace clipq
