#include "checkpoint_metadata.h"

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

CheckpointMetadata read(const Json& json, const std::string& place) {
  require_known_keys(json,
                     {"activation", "vision_activation", "text_activation", "vision_heads",
                      "text_heads", "vision_layer_norm_eps", "text_layer_norm_eps", "preprocess"},
                     place);
  CheckpointMetadata metadata;
  SettingChoices& settings = metadata.settings;
  settings.activation = {read_activation(json, "vision_activation", place),
                         read_activation(json, "text_activation", place)};
  settings.heads = {read_heads(json, "vision_heads", place), read_heads(json, "text_heads", place)};
  settings.layer_norm_eps = {read_eps(json, "vision_layer_norm_eps", place),
                             read_eps(json, "text_layer_norm_eps", place)};
  const Json preprocess = json_value(json, "preprocess", Json::object(), place);
  require_known_keys(preprocess, {"mean", "std", "crop_offset", "interpolation"},
                     place + ": preprocess");
  metadata.preprocess = preprocess_from_json(preprocess, place);
  validate(metadata.preprocess, place);
  return metadata;
}

}  // namespace

CheckpointMetadata read_checkpoint_metadata(const std::map<std::string, std::string>& documents,
                                            const std::string& where) {
  const auto own = documents.find("clipq_checkpoint.json");
  try {
    if (own != documents.end()) {
      const std::string place = where + ": clipq_checkpoint.json";
      return read(parse_json(own->second, place), place);
    }
    if (has_open_clip_config(documents)) return read_open_clip_documents(documents, where);
    if (has_hugging_face_config(documents)) return read_hugging_face_documents(documents, where);
  } catch (const UsageError& failure) {
    throw InputError(failure.what(), failure.advice());
  }
  return {};
}

}  // namespace clipq
