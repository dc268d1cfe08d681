#include "clipq/checkpoint/checkpoint.h"

#include <algorithm>
#include <utility>

#include "checkpoint_metadata.h"
#include "clipq/checkpoint/dialect.h"
#include "clipq/checkpoint/tokenizer_documents.h"
#include "clipq/core/error.h"
#include "clipq/core/strings.h"
#include "clipq/model/build_model.h"
#include "code_settings.h"
#include "proof.h"
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
    throw_in_own_names(dialect, failure, where);
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

/// Where a setting of the text tower comes from that is `key` of a document.
Origin origin_of(const char* key, bool is_told, const CheckpointOptions& options) {
  if (options.document.contains(key)) return Origin::kOption;
  return is_told ? Origin::kMetadata : Origin::kAssumed;
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
    SettledTower& text = checkpoint.towers[Tower::kText];
    text.pooling = {config.text->pooling,
                    origin_of("text_pooling", metadata.text_pooling.has_value(), options)};
    text.causal = {config.text->causal,
                   origin_of("text_causal", metadata.text_causal.has_value(), options)};
  }
  const std::filesystem::path archive = contents.archive ? contents.archive->file() : "";
  contents.archive.reset();  // what the model doesn't share is freed as it is read
  checkpoint.model = in_its_own_names(dialect, where, [&] {
    return build_model(config, metadata.preprocess, std::move(state.tensors), place);
  });
  prove(checkpoint, archive, samples, where, options.parity);
  checkpoint.float32_bytes = float32_bytes(checkpoint.model);
  if (checkpoint.model.text) {
    checkpoint.tokenizer = read_tokenizer(contents.documents, dialect.is_hugging_face, where);
  }
  return checkpoint;
}

}  // namespace clipq
