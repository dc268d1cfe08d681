#include "open_clip_documents.h"

#include <utility>

#include "clipq/core/error.h"
#include "clipq/core/json.h"
#include "clipq/core/strings.h"
#include "clipq/data/preprocess_json.h"
#include "timm_siglip.h"

namespace clipq {
namespace {

constexpr std::int64_t kVisionWidth = 768;
constexpr std::int64_t kHeadWidth = 64;
constexpr std::int64_t kTextHeads = 8;
constexpr double kEps = 1e-5;
constexpr std::int64_t kImageSize = 224;
constexpr std::int64_t kPatchSize = 16;
constexpr std::int64_t kContext = 77;
constexpr std::int64_t kVocabulary = 49408;
constexpr std::int64_t kEndId = 2;

/// A key that changes the architecture, and the only value that clipq supports.
struct Requirement {
  const char* key;
  Json value;  ///< open_clip's default
};

const std::vector<Requirement>& vision_requirements() {
  static const std::vector<Requirement> all = {{"no_ln_pre", false},
                                               {"pool_type", "tok"},
                                               {"final_ln_after_pool", false},
                                               {"attentional_pool", false},
                                               {"qk_norm", false}};
  return all;
}

const std::vector<Requirement>& text_requirements() {
  static const std::vector<Requirement> all = {
      {"hf_model_name", nullptr}, {"proj_type", "linear"}, {"embed_cls", false}};
  return all;
}

void require_supported(const Json& config, const std::vector<Requirement>& requirements,
                       const std::string& place) {
  for (const Requirement& each : requirements) {
    const auto found = config.find(each.key);
    if (found == config.end() || found->is_null() || *found == each.value) continue;
    if (each.value.is_null() && found->is_object() && found->empty()) continue;
    throw InputError(
        cat(place, ": \"", each.key, "\" is ", found->dump(), ", which clipq doesn't support",
            each.value.is_null() ? std::string() : cat("; expected ", each.value.dump())));
  }
}

Activation activation_of(const Json& model, const Json& tower, const std::string& place) {
  if (json_value(model, "quick_gelu", false, place)) return Activation::kQuickGelu;
  const Json arguments = json_value(tower, "act_kwargs", Json::object(), place);
  if (!arguments.is_object()) return Activation::kGelu;
  const auto approximation = json_value<std::string>(arguments, "approximate", "none", place);
  return approximation == "tanh" ? Activation::kGeluTanh : Activation::kGelu;
}

double eps_of(const Json& tower, const std::string& place) {
  const Json arguments = json_value(tower, "norm_kwargs", Json::object(), place);
  return arguments.is_object() ? json_value(arguments, "eps", kEps, place) : kEps;
}

/// Throws InputError unless the value is an object.
Json object_at(const Json& json, const char* key, const std::string& place) {
  const auto found = json.find(key);
  if (found != json.end() && found->is_object()) return *found;
  throw InputError(cat(place, ": expected an object \"", key, "\""));
}

TextPooling text_pooling_of(const Json& text, const std::string& place) {
  const auto type = json_value<std::string>(text, "pool_type", "argmax", place);
  if (type == "argmax") return TextPooling::kLargestId;
  if (type == "eos") return TextPooling::kFirstEnd;
  if (type == "last") return TextPooling::kLast;
  throw InputError(cat(place, ": \"pool_type\" is ", type,
                       ", which clipq doesn't support; expected argmax, eos or last"));
}

bool has_timm_tower(const Json& vision) {
  const auto name = vision.find("timm_model_name");
  return name != vision.end() && !name->is_null();
}

/// A ResNet's layers are the blocks of each stage.
bool has_resnet(const Json& vision) {
  const auto layers = vision.find("layers");
  return layers != vision.end() && layers->is_array();
}

struct ImageSettings {
  std::int64_t heads;
  Activation activation;
  double eps;
};

ImageSettings image_settings_of(const Json& model, const Json& vision, const std::string& place) {
  if (has_timm_tower(vision)) {
    const TimmSiglip tower = timm_siglip(vision, place);
    return {tower.heads, tower.activation, kTimmSiglipEps};
  }
  const auto width = json_value<std::int64_t>(vision, "width", kVisionWidth, place);
  const auto head_width = json_value<std::int64_t>(vision, "head_width", kHeadWidth, place);
  if (head_width < 1) throw InputError(cat(place, ": \"head_width\" is ", head_width));
  const std::int64_t heads =
      (has_resnet(vision) ? ResNetStages::kWidening : 1) * width / head_width;
  return {heads, activation_of(model, vision, place), eps_of(vision, place)};
}

void read_vision(CheckpointMetadata& metadata, const Json& model, const std::string& place) {
  const Json vision = object_at(model, "vision_cfg", place);
  require_supported(vision, vision_requirements(), place + ": vision_cfg");
  const ImageSettings image = image_settings_of(model, vision, place);
  metadata.settings.heads.vision = image.heads;
  metadata.settings.activation.vision = image.activation;
  metadata.settings.layer_norm_eps.vision = image.eps;
  const Json size = json_value(vision, "image_size", Json(kImageSize), place);
  const bool is_square = size.is_array() && size.size() == 2 && size[0] == size[1];
  metadata.image_size = whole_number(is_square ? size[0] : size);
  if (!metadata.image_size) {
    throw InputError(
        cat(place, ": \"image_size\" is ", size.dump(), "; clipq takes square images"));
  }
  metadata.family = has_timm_tower(vision) ? "siglip" : "clip";
  if (!has_timm_tower(vision) && !has_resnet(vision)) {
    metadata.patch_size = json_value<std::int64_t>(vision, "patch_size", kPatchSize, place);
  }
}

void read_text(CheckpointMetadata& metadata, const Json& model, const std::string& place) {
  const Json text = object_at(model, "text_cfg", place);
  require_supported(text, text_requirements(), place + ": text_cfg");
  metadata.settings.heads.text = json_value(text, "heads", kTextHeads, place);
  metadata.settings.activation.text = activation_of(model, text, place);
  metadata.settings.layer_norm_eps.text = eps_of(text, place);
  metadata.text_pooling = text_pooling_of(text, place + ": text_cfg");
  if (*metadata.text_pooling == TextPooling::kFirstEnd) {
    metadata.text_end_id = json_value(text, "eos_id", kEndId, place);
  }
  metadata.text_causal = !json_value(text, "no_causal_mask", false, place);
  metadata.context_length = json_value<std::int64_t>(text, "context_length", kContext, place);
  metadata.vocab_size = json_value<std::int64_t>(text, "vocab_size", kVocabulary, place);
}

Preprocess preprocess_of(const Json& json, const std::string& place) {
  Json known = Json::object();
  for (const char* key : {"mean", "std", "interpolation", "resize_mode", "fill_color"}) {
    if (json.contains(key)) known[key] = json[key];
  }
  // "random" is for training; open_clip evaluates with bicubic.
  if (known.value("interpolation", Json()) == "random") known["interpolation"] = "bicubic";
  Preprocess preprocess = preprocess_from_json(known, place);
  validate(preprocess, place);
  return preprocess;
}

}  // namespace

bool has_open_clip_config(const std::map<std::string, std::string>& documents) {
  return documents.count(kOpenClipConfig) > 0;
}

CheckpointMetadata read_open_clip_documents(const std::map<std::string, std::string>& documents,
                                            const ClipConfig& config, const std::string& where) {
  const std::string place = cat(where, ": ", kOpenClipConfig);
  const Json document = parse_json(documents.at(kOpenClipConfig), place);
  if (!document.is_object()) throw InputError(cat(place, ": expected an object"));
  const bool is_bare = !document.contains("model_cfg") && document.contains("vision_cfg");
  const Json model = is_bare ? document : object_at(document, "model_cfg", place);
  CheckpointMetadata metadata;
  if (config.image) read_vision(metadata, model, place);
  if (config.text) read_text(metadata, model, place);
  metadata.knows_preprocess = document.contains("preprocess_cfg");
  if (metadata.knows_preprocess) {
    metadata.preprocess = preprocess_of(object_at(document, "preprocess_cfg", place), place);
  }
  return metadata;
}

}  // namespace clipq
