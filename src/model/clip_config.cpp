#include "clipq/model/clip_config.h"

#include <algorithm>

#include "clipq/core/error.h"
#include "clipq/core/strings.h"
#include "clipq/model/attention_pooled_vit.h"
#include "clipq/model/parts.h"
#include "clipq/model/resnet_tower.h"
#include "clipq/model/transformer_text_tower.h"
#include "clipq/model/vit_tower.h"

namespace clipq {
namespace {

/// Beyond these a number is damage, and memory for it shouldn't be asked for.
constexpr std::int64_t kLargestSize = std::int64_t{1} << 24;
constexpr std::int64_t kMostLayers = 1024;

/// What artifacts were written with that don't say it.
constexpr std::int64_t kFormerMlpRatio = 4;

Json settings_to_json(const TowerConfig& config) {
  return {{"heads", config.settings.heads},
          {"mlp_width", config.mlp_width},
          {"activation", name_of(config.settings.activation)},
          {"layer_norm_eps", config.settings.layer_norm_eps},
          {"normalized", config.settings.normalized}};
}

/// Reads width, layers and settings of a tower. Manifests of clipq 0.1 have heads of each tower and
/// one activation, beside the sizes; earlier ones have no mlp_width.
/// @param tower "vision" or "text"
void read_tower(TowerConfig& config, const Json& json, const std::string& tower,
                const std::string& where) {
  const auto size = [&](const Json& object, const std::string& key, std::int64_t otherwise) {
    return json_value<std::int64_t>(object, key.c_str(), otherwise, where);
  };
  config.embed_dim = size(json, "embed_dim", 0);
  config.width = size(json, tower + "_width", 0);
  config.layers = size(json, tower + "_layers", 0);
  const std::string key = tower + "_settings";
  const bool apart = json.contains(key);
  const Json settings = json_value(json, key.c_str(), json, where);
  config.mlp_width = size(settings, "mlp_width", kFormerMlpRatio * config.width);
  TowerSettings& out = config.settings;
  out.heads = size(settings, apart ? "heads" : tower + "_heads", 0);
  out.activation =
      parse_activation(json_value<std::string>(settings, "activation", "", where), where);
  out.layer_norm_eps = json_value(settings, "layer_norm_eps", out.layer_norm_eps, where);
  out.normalized = json_value(settings, "normalized", false, where);
}

void require_size(std::int64_t size, const std::string& where) {
  if (size > 0 && size <= kLargestSize) return;
  throw InputError(
      cat(where, ": a size of the architecture is ", size, ", expected 1 to ", kLargestSize));
}

void validate_tower(const TowerConfig& config, Tower tower, const std::string& where) {
  const TowerSettings& settings = config.settings;
  for (const std::int64_t size : {config.embed_dim, config.width, config.layers, settings.heads}) {
    require_size(size, where);
  }
  if (config.layers > kMostLayers) {
    throw InputError(cat(where, ": the ", name_of(tower), " tower has ", config.layers,
                         " blocks; expected at most ", kMostLayers));
  }
  if (config.width % settings.heads != 0) {
    throw InputError(cat(where, ": ", settings.heads, " heads don't divide the ", name_of(tower),
                         " tower's width of ", config.width));
  }
  if (!(settings.layer_norm_eps > 0 && settings.layer_norm_eps < 1)) {
    throw InputError(cat(where, ": layer_norm_eps of the ", name_of(tower), " tower is ",
                         settings.layer_norm_eps, "; expected a number above 0 and below 1"));
  }
}

void validate_resnet(const ImageTowerConfig& config, const std::string& where) {
  const ResNetStages& stages = config.stages;
  std::int64_t blocks = 0;
  for (const std::int64_t count : stages.blocks) {
    require_size(count, where);
    blocks += count;
  }
  require_size(stages.width, where);
  if (blocks != config.layers || stages.width % 2 != 0 ||
      config.width != ResNetStages::kWidening * stages.width) {
    throw InputError(cat(where, ": a ResNet of ", config.layers, " blocks whose stem has ",
                         stages.width, " channels and whose last map has ", config.width,
                         "; expected ", blocks, " blocks, an even number of channels, and ",
                         ResNetStages::kWidening, " times as many in the last map"));
  }
  if (config.patch_size != ResNetStages::kShrinking ||
      config.resolution % ResNetStages::kShrinking != 0) {
    throw InputError(cat(where, ": a ResNet for images of ", config.resolution,
                         " pixels a side; expected a multiple of ", ResNetStages::kShrinking));
  }
}

void validate_image(const ImageTowerConfig& config, const std::string& where) {
  for (const std::int64_t size : {config.resolution, config.patch_size}) require_size(size, where);
  validate_tower(config, Tower::kImage, where);
  if (config.is_resnet()) return validate_resnet(config, where);
  require_size(config.mlp_width, where);
  if (config.pooling == ImagePooling::kAttention && config.embed_dim != config.width) {
    throw InputError(cat(where, ": images are embedded in ", config.embed_dim,
                         " dimensions, expected ", config.width,
                         ", the width of a tower that is pooled by attention"));
  }
  if (config.resolution < config.patch_size) {
    throw InputError(cat(where, ": patches of ", config.patch_size,
                         " pixels are larger than images of ", config.resolution));
  }
}

void validate_text(const TextTowerConfig& config, const std::string& where) {
  for (const std::int64_t size : {config.context_length, config.vocab_size}) {
    require_size(size, where);
  }
  validate_tower(config, Tower::kText, where);
  require_size(config.mlp_width, where);
  if (config.vocab_size < 4 || config.context_length < 2) {
    throw InputError(cat(where, ": a vocabulary of ", config.vocab_size, " and texts of ",
                         config.context_length, " tokens; expected at least 4 and 2"));
  }
  if (config.end_id < 0 || config.end_id >= config.vocab_size) {
    throw InputError(cat(where, ": texts end with id ", config.end_id, ", but the vocabulary has ",
                         config.vocab_size, " entries"));
  }
}

/// Reads what only image towers have.
void read_image(ImageTowerConfig& config, const Json& json, const std::string& where) {
  const auto size = [&](const char* key) { return json_value<std::int64_t>(json, key, 0, where); };
  config.resolution = size("image_resolution");
  config.patch_size = size("vision_patch_size");
  const auto pooling =
      json_value<std::string>(json, "vision_pooling", name_of(config.pooling), where);
  config.pooling = parse_image_pooling(pooling, where);
  if (!config.is_resnet()) return;
  config.mlp_width = 0;
  config.stages.width = size("vision_stem_width");
  config.stages.blocks = json_value(json, "vision_stage_blocks", config.stages.blocks, where);
}

/// Reads what only text towers have.
void read_text(TextTowerConfig& config, const Json& json, const std::string& where) {
  const auto size = [&](const char* key) { return json_value<std::int64_t>(json, key, 0, where); };
  config.context_length = size("context_length");
  config.vocab_size = size("vocab_size");
  config.end_id = size("text_end_id");
  const auto pooling =
      json_value<std::string>(json, "text_pooling", name_of(config.pooling), where);
  config.pooling = parse_text_pooling(pooling, where);
  config.causal = json_value(json, "text_causal", config.causal, where);
  config.projection_bias = json_value(json, "text_projection_bias", config.projection_bias, where);
}

ImageTowerConfig infer_image_config(const StateDict& state, const std::string& where) {
  if (has_resnet(state)) return infer_resnet_config(state, where);
  if (has_attention_pool(state)) return infer_attention_pooled_vit_config(state, where);
  return infer_vit_config(state, where);
}

}  // namespace

std::vector<Tower> ClipConfig::towers() const {
  std::vector<Tower> towers;
  for (const Tower tower : kTowers) {
    if (has(tower)) towers.push_back(tower);
  }
  return towers;
}

const TowerConfig& ClipConfig::tower(Tower tower) const {
  if (tower == Tower::kImage) return image.value();
  return text.value();
}

TowerConfig& ClipConfig::tower(Tower tower) {
  if (tower == Tower::kImage) return image.value();
  return text.value();
}

bool has_image_tower(const StateDict& state) {
  return std::any_of(state.begin(), state.end(),
                     [](const auto& entry) { return tower_of(entry.first) == Tower::kImage; });
}

ClipConfig infer_config(const StateDict& state, const std::string& where) {
  ClipConfig config;
  const bool has_text = has_text_tower(state);
  if (has_image_tower(state) || !has_text) {
    config.image = infer_image_config(state, where);
  }
  if (has_text) config.text = infer_text_config(state, where);
  return config;
}

void validate(const ClipConfig& config, const std::string& where) {
  if (config.towers().empty()) throw InputError(cat(where, ": describes no tower"));
  if (config.image) validate_image(*config.image, where);
  if (config.text) validate_text(*config.text, where);
  if (config.image && config.text && config.image->embed_dim != config.text->embed_dim) {
    throw InputError(cat(where, ": images are embedded in ", config.image->embed_dim,
                         " dimensions, texts in ", config.text->embed_dim));
  }
}

Json to_json(const ClipConfig& config) {
  Json json = {{"embed_dim", config.embed_dim()}};
  if (config.image) {
    json.update({{"image_resolution", config.image->resolution},
                 {"vision_patch_size", config.image->patch_size},
                 {"vision_width", config.image->width},
                 {"vision_layers", config.image->layers},
                 {"vision_pooling", name_of(config.image->pooling)},
                 {"vision_settings", settings_to_json(*config.image)}});
    if (config.image->is_resnet()) {
      json["vision_stem_width"] = config.image->stages.width;
      json["vision_stage_blocks"] = config.image->stages.blocks;
    }
  }
  if (config.text) {
    json.update({{"context_length", config.text->context_length},
                 {"vocab_size", config.text->vocab_size},
                 {"text_width", config.text->width},
                 {"text_layers", config.text->layers},
                 {"text_pooling", name_of(config.text->pooling)},
                 {"text_end_id", config.text->end_id},
                 {"text_causal", config.text->causal},
                 {"text_projection_bias", config.text->projection_bias},
                 {"text_settings", settings_to_json(*config.text)}});
  }
  return json;
}

ClipConfig config_from_json(const Json& json, const std::string& where) {
  ClipConfig config;
  try {
    if (json.contains("vision_width")) {
      read_tower(config.image.emplace(), json, "vision", where);
      read_image(*config.image, json, where);
    }
    if (json.contains("text_width")) {
      read_tower(config.text.emplace(), json, "text", where);
      read_text(*config.text, json, where);
    }
  } catch (const UsageError& failure) {
    throw InputError(failure.what(), failure.advice());
  }
  validate(config, where);
  return config;
}

}  // namespace clipq
