#include "checkpoint_metadata.h"

#include "clipq/checkpoint/checkpoint_document.h"
#include "clipq/core/error.h"
#include "clipq/core/json.h"
#include "clipq/core/strings.h"
#include "clipq/data/preprocess_json.h"
#include "hugging_face_documents.h"
#include "open_clip_documents.h"

namespace clipq {
namespace {

template <typename T>
std::optional<T> optional_value(const Json& json, const char* key, const std::string& place) {
  return json.contains(key) ? std::optional(json_value(json, key, T(), place)) : std::nullopt;
}

std::optional<std::int64_t> read_heads(const Json& json, const char* key,
                                       const std::string& place) {
  const auto heads = optional_value<std::int64_t>(json, key, place);
  if (heads && *heads <= 0) throw UsageError(cat(place, ": \"", key, "\" must be above 0"));
  return heads;
}

/// The tower's own key, else the one for both.
std::optional<Activation> read_activation(const Json& json, const char* key,
                                          const std::string& place) {
  auto name = optional_value<std::string>(json, key, place);
  if (!name) name = optional_value<std::string>(json, "activation", place);
  return name ? std::optional(parse_activation(*name, place)) : std::nullopt;
}

std::optional<double> read_eps(const Json& json, const char* key, const std::string& place) {
  const auto eps = optional_value<double>(json, key, place);
  if (eps && !(*eps > 0 && *eps < 1)) {
    throw UsageError(cat(place, ": \"", key, "\" must be above 0 and below 1"));
  }
  return eps;
}

template <typename T>
void overlay(std::optional<T>& value, const std::optional<T>& given) {
  if (given) value = given;
}

void read_preprocess(CheckpointMetadata& metadata, const Json& given, const std::string& place) {
  require_known_keys(given,
                     {"mean", "std", "crop_offset", "resize_mode", "interpolation", "fill_color"},
                     place + ": preprocess");
  Json merged = to_json(metadata.preprocess);
  merged.update(given);
  metadata.preprocess = preprocess_from_json(merged, place);
  metadata.knows_preprocess = true;
  validate(metadata.preprocess, place);
}

void read_text_reading(CheckpointMetadata& metadata, const Json& json, const std::string& place) {
  overlay(metadata.text_causal, optional_value<bool>(json, "text_causal", place));
  const auto end_id = optional_value<std::int64_t>(json, "text_end_id", place);
  const auto pooling = optional_value<std::string>(json, "text_pooling", place);
  if (pooling) metadata.text_pooling = parse_text_pooling(*pooling, place + ": text_pooling");
  const bool ends = metadata.text_pooling == TextPooling::kFirstEnd;
  if (end_id && !ends) {
    throw UsageError(cat(place, ": \"text_end_id\" needs \"text_pooling\": \"first_end\""));
  }
  if (end_id) metadata.text_end_id = *end_id;
  if (pooling && ends && !end_id) {
    throw UsageError(cat(place, ": \"text_pooling\": \"first_end\" needs \"text_end_id\""));
  }
}

CheckpointMetadata read_library(const Documents& documents, const Dialect& dialect,
                                const ClipConfig& config, const std::string& where) {
  CheckpointMetadata metadata;
  const bool open_clip = has_open_clip_config(documents);
  const bool hugging_face = has_hugging_face_config(documents);
  const bool is_theirs = hugging_face && (dialect.is_hugging_face || !open_clip);
  if (is_theirs) {
    metadata = read_hugging_face_documents(documents, config, where);
  } else if (open_clip) {
    metadata = read_open_clip_documents(documents, config, where);
  }
  // open_clip's text towers are alike in all families.
  const bool tells_family = dialect.is_hugging_face || config.image;
  if (!metadata.family.empty() && tells_family && metadata.family != dialect.family) {
    throw InputError(cat(where, ": its configuration is of model type ", metadata.family,
                         ", but its tensors are those of ", dialect.name));
  }
  // The libraries run the same weights of SigLIP with another form of GELU.
  const bool is_foreign = is_theirs != dialect.is_hugging_face;
  if (is_foreign && metadata.family == "siglip") metadata.settings.activation = {};
  if (!metadata.knows_preprocess) metadata.preprocess = dialect.preprocess;
  return metadata;
}

/// Throws InputError unless a size is what the configuration says, if it does.
void require_size(const char* what, const std::optional<std::int64_t>& told, std::int64_t found,
                  const std::string& where) {
  if (!told || *told == found) return;
  throw InputError(cat(where, ": its configuration says ", what, " ", *told,
                       ", but its tensors have ", found,
                       "; the configuration belongs to other weights, or they are to be "
                       "interpolated, which clipq doesn't do"));
}

void settle(const CheckpointMetadata& metadata, ImageTowerConfig& config,
            const std::string& where) {
  const std::int64_t size = metadata.image_size.value_or(config.resolution);
  if (size / config.patch_size == config.patches_per_side()) config.resolution = size;
  require_size("image size", metadata.image_size, config.resolution, where);
  require_size("patch size", metadata.patch_size, config.patch_size, where);
}

void settle(const CheckpointMetadata& metadata, TextTowerConfig& config, const std::string& where) {
  if (metadata.text_pooling) {
    config.pooling = *metadata.text_pooling;
    config.end_id = metadata.text_end_id;
  }
  if (metadata.text_causal) config.causal = *metadata.text_causal;
  require_size("context length", metadata.context_length, config.context_length, where);
  require_size("vocabulary size", metadata.vocab_size, config.vocab_size, where);
}

}  // namespace

CheckpointMetadata read_checkpoint_metadata(const Documents& documents, const Dialect& dialect,
                                            const ClipConfig& config, const std::string& where) {
  try {
    CheckpointMetadata metadata = read_library(documents, dialect, config, where);
    const auto own = documents.find("clipq_checkpoint.json");
    if (own == documents.end()) return metadata;
    const std::string place = where + ": clipq_checkpoint.json";
    read_document(metadata, parse_json(own->second, place), place);
    return metadata;
  } catch (const UsageError& failure) {
    throw InputError(failure.what(), failure.advice());
  }
}

void read_document(CheckpointMetadata& metadata, const Json& json, const std::string& place) {
  require_known_keys(json,
                     {"activation", "vision_activation", "text_activation", "vision_heads",
                      "text_heads", "vision_layer_norm_eps", "text_layer_norm_eps", "text_causal",
                      "text_pooling", "text_end_id", "preprocess"},
                     place);
  SettingChoices& settings = metadata.settings;
  overlay(settings.activation.vision, read_activation(json, "vision_activation", place));
  overlay(settings.activation.text, read_activation(json, "text_activation", place));
  overlay(settings.heads.vision, read_heads(json, "vision_heads", place));
  overlay(settings.heads.text, read_heads(json, "text_heads", place));
  overlay(settings.layer_norm_eps.vision, read_eps(json, "vision_layer_norm_eps", place));
  overlay(settings.layer_norm_eps.text, read_eps(json, "text_layer_norm_eps", place));
  read_text_reading(metadata, json, place);
  if (!json.contains("preprocess")) return;
  read_preprocess(metadata, json_value(json, "preprocess", Json::object(), place), place);
}

void require_valid_document(const Json& document, const std::string& where) {
  try {
    CheckpointMetadata metadata;
    read_document(metadata, document, where);
  } catch (const InputError& failure) {
    throw UsageError(failure.what(), failure.advice());
  }
}

void settle_architecture(const CheckpointMetadata& metadata, ClipConfig& config,
                         const std::string& where) {
  if (config.image) settle(metadata, *config.image, where);
  if (config.text) settle(metadata, *config.text, where);
}

}  // namespace clipq
