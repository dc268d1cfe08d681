#include "hugging_face_documents.h"

#include <array>
#include <cmath>
#include <optional>
#include <string_view>
#include <utility>

#include "clipq/core/error.h"
#include "clipq/core/json.h"
#include "clipq/core/strings.h"
#include "siglip.h"

namespace clipq {
namespace {

constexpr const char* kHuggingFaceConfig = "config.json";
constexpr const char* kPreprocessor = "preprocessor_config.json";
constexpr const char* kProcessor = "processor_config.json";

/// Values of a family's vision and text configs, which saved files may leave out.
struct Defaults {
  std::string_view model_type;
  std::int64_t vision_heads;
  std::int64_t text_heads;
  std::string_view activation;
  double eps;
  std::int64_t image_size;
  std::int64_t patch_size;
  std::int64_t context;
  std::int64_t vocabulary;
};

constexpr std::array<Defaults, 2> kFamilies = {
    {{"clip", 12, 8, "quick_gelu", 1e-5, 224, 32, 77, 49408},
     {"siglip", 12, 12, "gelu_pytorch_tanh", 1e-6, 224, 16, 64, 32000}}};

/// CLIPTextConfig's end of texts.
constexpr std::int64_t kEndOfText = 49407;

/// Configs of before November 2022 say 2 and mean the largest id.
constexpr std::int64_t kFormerEndOfText = 2;

/// Pillow's numbers.
constexpr std::int64_t kBilinear = 2;
constexpr std::int64_t kBicubic = 3;

constexpr double kByteScale = 1.0 / 255;

struct NamedActivation {
  std::string_view name;
  Activation activation;
};

/// Names of transformers' ACT2FN.
constexpr std::array<NamedActivation, 8> kActivations = {
    {{"quick_gelu", Activation::kQuickGelu},
     {"gelu", Activation::kGelu},
     {"gelu_python", Activation::kGelu},
     {"gelu_pytorch_tanh", Activation::kGeluTanh},
     {"gelu_new", Activation::kGeluTanh},
     {"gelu_fast", Activation::kGeluTanh},
     {"gelu_python_tanh", Activation::kGeluTanh},
     {"gelu_accurate", Activation::kGeluTanh}}};

/// object[key], or `fallback` if it is absent or null: saved files list what isn't set as null.
template <typename T>
T set_value(const Json& json, const char* key, const T& fallback, const std::string& place) {
  const auto found = json.find(key);
  return found == json.end() || found->is_null() ? fallback
                                                 : json_value(json, key, fallback, place);
}

/// A tower's config: `NAME_dict`, which old files have, replaces `NAME`.
Json tower_config(const Json& config, const std::string& name, const std::string& place) {
  for (const std::string& key : {name + "_dict", name}) {
    Json tower = json_value(config, key.c_str(), Json(), place);
    if (tower.is_object()) return tower;
    if (!tower.is_null()) throw InputError(cat(place, ": \"", key, "\" is no object"));
  }
  return Json::object();
}

Activation activation_of(const Json& config, const Defaults& defaults, const std::string& place) {
  const auto name = set_value(config, "hidden_act", std::string(defaults.activation), place);
  for (const NamedActivation& each : kActivations) {
    if (name == each.name) return each.activation;
  }
  throw InputError(cat(place, ": \"hidden_act\" is ", name, ", which clipq doesn't have"));
}

/// Where CLIP's text towers are pooled.
void read_pooling(const Json& text, const std::string& place, CheckpointMetadata& metadata) {
  const auto end = json_value<std::int64_t>(text, "eos_token_id", kEndOfText, place);
  if (end == kFormerEndOfText || end == *metadata.vocab_size - 1) return;
  metadata.text_pooling = TextPooling::kFirstEnd;
  metadata.text_end_id = end;
}

/// SigLIP's image towers are pooled by attention, and not projected.
void require_head(const Json& vision, const std::string& place) {
  if (json_value(vision, "vision_use_head", true, place)) return;
  throw InputError(cat(place,
                       ": \"vision_use_head\" is false; clipq supports SigLIP with its "
                       "attention pooling only"));
}

/// A tower's config, and what messages call it.
struct TowerDocument {
  Json config;
  std::string place;
};

/// The configs that a config.json holds: of a whole model or of one tower.
struct ModelDocument {
  const Defaults* defaults;
  std::optional<TowerDocument> vision;
  std::optional<TowerDocument> text;
};

ModelDocument model_document(const Json& config, const std::string& place) {
  const auto type = json_value<std::string>(config, "model_type", "", place);
  std::vector<std::string> known;
  for (const Defaults& each : kFamilies) {
    const std::string family(each.model_type);
    if (type == family) {
      return {&each,
              {{tower_config(config, "vision_config", place), place + ": vision_config"}},
              {{tower_config(config, "text_config", place), place + ": text_config"}}};
    }
    if (type == family + "_vision_model") return {&each, {{config, place}}, {}};
    if (type == family + "_text_model") return {&each, {}, {{config, place}}};
    for (const char* tower : {"", "_vision_model", "_text_model"}) known.push_back(family + tower);
  }
  throw InputError(cat(place, ": \"model_type\" is ", type, ", expected ", join(known, ", "),
                       ": clipq doesn't support the others"));
}

void read_vision(const TowerDocument& vision, const Defaults& defaults,
                 CheckpointMetadata& metadata) {
  const auto& [config, place] = vision;
  SettingChoices& settings = metadata.settings;
  settings.heads.vision = set_value(config, "num_attention_heads", defaults.vision_heads, place);
  settings.activation.vision = activation_of(config, defaults, place);
  settings.layer_norm_eps.vision = json_value(config, "layer_norm_eps", defaults.eps, place);
  metadata.image_size = set_value(config, "image_size", defaults.image_size, place);
  metadata.patch_size = set_value(config, "patch_size", defaults.patch_size, place);
  if (defaults.model_type == "siglip") require_head(config, place);
}

void read_text(const TowerDocument& text, const Defaults& defaults, CheckpointMetadata& metadata) {
  const auto& [config, place] = text;
  SettingChoices& settings = metadata.settings;
  settings.heads.text = set_value(config, "num_attention_heads", defaults.text_heads, place);
  settings.activation.text = activation_of(config, defaults, place);
  settings.layer_norm_eps.text = json_value(config, "layer_norm_eps", defaults.eps, place);
  metadata.context_length = set_value(config, "max_position_embeddings", defaults.context, place);
  metadata.vocab_size = set_value(config, "vocab_size", defaults.vocabulary, place);
  if (defaults.model_type != "siglip") read_pooling(config, place, metadata);
}

void read_config(const Json& json, const ClipConfig& config, const std::string& place,
                 CheckpointMetadata& metadata) {
  const ModelDocument document = model_document(json, place);
  metadata.family = document.defaults->model_type;
  if (document.vision && config.image) read_vision(*document.vision, *document.defaults, metadata);
  if (document.text && config.text) read_text(*document.text, *document.defaults, metadata);
}

/// A size that is a number, or an object with `key`, or one with equal height and width; 0:
/// another.
std::int64_t side_of(const Json& json, const char* key) {
  if (const auto number = whole_number(json)) return *number;
  if (!json.is_object()) return 0;
  if (json.contains(key)) return whole_number(json[key]).value_or(0);
  const bool square =
      json.contains("height") && json.contains("width") && json["height"] == json["width"];
  return square ? whole_number(json["height"]).value_or(0) : 0;
}

/// What an image processor does unless its document says otherwise.
struct ImageProcessor {
  bool crops;
  Preprocess usual;  ///< whose resize mode is that of a size that is a single number
};

/// The processor that a document names, or that the family has.
ImageProcessor image_processor_of(const Json& json, const std::string& family,
                                  const std::string& place) {
  auto type = set_value<std::string>(json, "feature_extractor_type", "", place);
  type = set_value(json, "image_processor_type", type, place);
  if (type.empty()) type = family == "siglip" ? "SiglipImageProcessor" : "CLIPImageProcessor";
  // Siglip2ImageProcessor is NaFlex's, whose images keep their shape.
  if (type.starts_with("SiglipImageProcessor")) {
    return {false, siglip_preprocess()};
  }
  if (type.starts_with("CLIP")) {
    return {true, Preprocess()};
  }
  throw InputError(cat(place, ": images are processed by ", type, ", which clipq doesn't support"));
}

Interpolation interpolation_of(const Json& json, const std::string& place) {
  constexpr std::array<const char*, 6> kPillowsNames = {"nearest", "Lanczos", "bilinear",
                                                        "bicubic", "box",     "Hamming"};
  const auto filter = set_value<std::int64_t>(json, "resample", kBicubic, place);
  if (filter == kBilinear) return Interpolation::kBilinear;
  if (filter == kBicubic) return Interpolation::kBicubic;
  const bool is_known = filter >= 0 && std::size_t(filter) < kPillowsNames.size();
  throw InputError(
      cat(place, ": \"resample\" is ", filter,
          is_known ? cat(" (", kPillowsNames[static_cast<std::size_t>(filter)], ")") : "",
          "; clipq supports 2 (bilinear) and 3 (bicubic)"));
}

/// How images are resized and cropped, which must give the model's resolution, and the processor's
/// mean and std.
void read_resizing(const Json& json, const CheckpointMetadata& metadata, const std::string& place,
                   Preprocess& preprocess) {
  const std::int64_t resolution = *metadata.image_size;
  const auto require = [&place](bool fits, const std::string& what) {
    if (!fits) throw InputError(cat(place, ": ", what, ", which clipq doesn't support"));
  };
  const ImageProcessor processor = image_processor_of(json, metadata.family, place);
  require(set_value(json, "do_resize", true, place), "images aren't resized");
  require(set_value(json, "do_rescale", true, place), "pixels aren't scaled to 0 … 1");
  require(set_value(json, "do_normalize", true, place), "images aren't normalized");
  const double scale = set_value(json, "rescale_factor", kByteScale, place);
  require(std::abs(scale - kByteScale) < 1e-6, cat("pixels are scaled by ", scale));
  const Json size = set_value(json, "size", Json(resolution), place);
  const bool has_edge = size.is_object() && size.contains("shortest_edge");
  require(!size.is_object() || !size.contains("longest_edge"),
          cat("images are resized to ", size.dump()));
  require(side_of(size, "shortest_edge") == resolution,
          cat("images are resized to ", size.dump(), ", the model takes ", resolution));
  preprocess.resize_mode = has_edge           ? ResizeMode::kShortest
                           : size.is_object() ? ResizeMode::kSquash
                                              : processor.usual.resize_mode;
  const bool crops = set_value(json, "do_center_crop", processor.crops, place);
  require(crops || preprocess.resize_mode == ResizeMode::kSquash, "images aren't cropped");
  const Json crop =
      crops ? set_value(json, "crop_size", Json(resolution), place) : Json(resolution);
  require(side_of(crop, "shortest_edge") == resolution,
          cat("images are cropped to ", crop.dump(), ", the model takes ", resolution));
  preprocess.interpolation = interpolation_of(json, place);
  preprocess.mean = processor.usual.mean;
  preprocess.std = processor.usual.std;
}

std::array<float, 3> channels(const Json& json, const char* key, const std::array<float, 3>& usual,
                              const std::string& place) {
  const auto found = json.find(key);
  if (found == json.end() || found->is_null()) return usual;
  const bool three = found->is_array() && found->size() == 3 && (*found)[0].is_number() &&
                     (*found)[1].is_number() && (*found)[2].is_number();
  if (!three) throw InputError(cat(place, ": \"", key, "\" isn't a list of three numbers"));
  return {(*found)[0].get<float>(), (*found)[1].get<float>(), (*found)[2].get<float>()};
}

/// preprocessor_config.json, or what processor_config.json has of it; null: neither.
Json image_processor(const std::map<std::string, std::string>& documents, std::string& place) {
  const std::string where = place;
  if (const auto found = documents.find(kPreprocessor); found != documents.end()) {
    place = cat(where, ": ", kPreprocessor);
    return parse_json(found->second, place);
  }
  if (const auto found = documents.find(kProcessor); found != documents.end()) {
    place = cat(where, ": ", kProcessor);
    return json_value(parse_json(found->second, place), "image_processor", Json(), place);
  }
  return {};
}

}  // namespace

bool has_hugging_face_config(const std::map<std::string, std::string>& documents) {
  const auto found = documents.find(kHuggingFaceConfig);
  return found != documents.end() && found->second.find("\"model_type\"") != std::string::npos;
}

CheckpointMetadata read_hugging_face_documents(const std::map<std::string, std::string>& documents,
                                               const ClipConfig& config, const std::string& where) {
  CheckpointMetadata metadata;
  const std::string place = cat(where, ": ", kHuggingFaceConfig);
  const Json model = parse_json(documents.at(kHuggingFaceConfig), place);
  if (!model.is_object()) throw InputError(cat(place, ": expected an object"));
  read_config(model, config, place, metadata);
  metadata.preprocess.crop_offset = CropOffset::kFloor;
  if (!metadata.image_size) return metadata;
  std::string images = where;
  const Json json = image_processor(documents, images);
  if (json.is_null()) return metadata;
  if (!json.is_object()) throw InputError(cat(images, ": expected an object"));
  Preprocess& preprocess = metadata.preprocess;
  read_resizing(json, metadata, images, preprocess);
  preprocess.mean = channels(json, "image_mean", preprocess.mean, images);
  preprocess.std = channels(json, "image_std", preprocess.std, images);
  validate(preprocess, images);
  metadata.knows_preprocess = true;
  return metadata;
}

}  // namespace clipq
