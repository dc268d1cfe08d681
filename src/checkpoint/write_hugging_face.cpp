#include "clipq/checkpoint/write_hugging_face.h"

#include <utility>

#include "clipq/core/error.h"
#include "clipq/core/strings.h"

namespace clipq {
namespace {

constexpr const char* kWrittenConfig = "Hugging Face's config.json";

/// Configs of before November 2022 say 2 and mean the largest id.
constexpr std::int64_t kFormerEndOfText = 2;

constexpr double kLogitScale = 2.6592;  ///< of CLIPConfig
constexpr double kByteScale = 1.0 / 255;

/// Pillow's numbers.
constexpr int kBilinear = 2;
constexpr int kBicubic = 3;

enum class Family { kClip, kSiglip };

[[noreturn]] void throw_neither(const std::string& what) {
  throw UsageError(cat(kWrittenConfig, ": ", what,
                       ", which neither a CLIPModel nor a SiglipModel has; ",
                       "choose a layout without that file, such as plain"));
}

Family family_of(const ImageTowerConfig& image) {
  if (image.is_resnet()) throw_neither("a ResNet as image tower");
  return image.pooling == ImagePooling::kAttention ? Family::kSiglip : Family::kClip;
}

Family family_of(const TextTowerConfig& text) {
  const bool is_last = text.pooling == TextPooling::kLast;
  if (is_last == text.causal) throw_neither("a text tower that is " + describe(text));
  return is_last ? Family::kSiglip : Family::kClip;
}

Family family_of(const ClipConfig& config) {
  if (!config.image) return family_of(*config.text);
  const Family family = family_of(*config.image);
  if (config.text && family_of(*config.text) != family) {
    throw_neither(cat("an image tower that is a ", describe(*config.image), " with a text tower ",
                      "that is ", describe(*config.text)));
  }
  return family;
}

const char* activation_name(Activation activation) {
  switch (activation) {
    case Activation::kQuickGelu:
      return "quick_gelu";
    case Activation::kGelu:
      return "gelu";
    case Activation::kGeluTanh:
      return "gelu_pytorch_tanh";
  }
  throw InternalError("an activation without a name");
}

Json tower_config(const TowerConfig& tower) {
  return {{"hidden_size", tower.width},
          {"intermediate_size", tower.mlp_width},
          {"num_hidden_layers", tower.layers},
          {"num_attention_heads", tower.settings.heads},
          {"hidden_act", activation_name(tower.settings.activation)},
          {"layer_norm_eps", tower.settings.layer_norm_eps}};
}

Json vision_config(const ImageTowerConfig& image, Family family) {
  const bool is_clip = family == Family::kClip;
  Json json = tower_config(image);
  json["model_type"] = is_clip ? "clip_vision_model" : "siglip_vision_model";
  json["image_size"] = image.resolution;
  json["patch_size"] = image.patch_size;
  json["num_channels"] = 3;
  if (is_clip) json["projection_dim"] = image.embed_dim;
  return json;
}

/// By which transformers finds CLIP's end of texts: the largest id if it is the vocabulary's last
/// or the number of old files.
std::int64_t pooled_id(const TextTowerConfig& text, const TokenFrame* frame) {
  const std::int64_t last = text.vocab_size - 1;
  if (text.pooling == TextPooling::kLargestId) {
    const bool ends_with_last = frame == nullptr || !frame->end || *frame->end == last;
    return ends_with_last ? last : kFormerEndOfText;
  }
  if (text.end_id != kFormerEndOfText) return text.end_id;
  throw UsageError(cat(kWrittenConfig,
                       ": texts are pooled at id 2, by which transformers means the ",
                       "largest id; choose a layout without that file, such as plain"));
}

Json id_or_null(const std::optional<std::int32_t>& id) { return id ? Json(*id) : Json(); }

Json text_config(const TextTowerConfig& text, Family family, const TokenFrame* frame) {
  const bool is_clip = family == Family::kClip;
  if (is_clip && text.projection_bias) throw_neither("a projection of texts with a bias");
  Json json = tower_config(text);
  json["model_type"] = is_clip ? "clip_text_model" : "siglip_text_model";
  json["vocab_size"] = text.vocab_size;
  json["max_position_embeddings"] = text.context_length;
  json[is_clip ? "projection_dim" : "projection_size"] = text.embed_dim;
  if (frame != nullptr) {
    json["bos_token_id"] = id_or_null(frame->start);
    json["eos_token_id"] = id_or_null(frame->end);
    json["pad_token_id"] = frame->pad;
  }
  if (is_clip) json["eos_token_id"] = pooled_id(text, frame);
  return json;
}

Json with_architecture(const char* name, Json json) {
  json["architectures"] = Json::array({name});
  return json;
}

Json model_config(const ClipConfig& config, Family family, const TokenFrame* frame) {
  const bool is_clip = family == Family::kClip;
  if (!config.text) {
    return with_architecture(is_clip ? "CLIPVisionModelWithProjection" : "SiglipVisionModel",
                             vision_config(*config.image, family));
  }
  if (!config.image) {
    return with_architecture(is_clip ? "CLIPTextModelWithProjection" : "SiglipTextModel",
                             text_config(*config.text, family, frame));
  }
  Json json = {{"model_type", is_clip ? "clip" : "siglip"},
               {"vision_config", vision_config(*config.image, family)},
               {"text_config", text_config(*config.text, family, frame)}};
  if (is_clip) {
    json["projection_dim"] = config.embed_dim();
    json["logit_scale_init_value"] = kLogitScale;
  }
  return with_architecture(is_clip ? "CLIPModel" : "SiglipModel", std::move(json));
}

std::vector<std::string> inexpressible(const Preprocess& preprocess) {
  const bool rounds = preprocess.resize_mode == ResizeMode::kShortest &&
                      preprocess.crop_offset != CropOffset::kFloor;
  if (!rounds) return {};
  return {"the rounding of where a crop begins: Hugging Face's processors round down"};
}

}  // namespace

WrittenDocument hugging_face_config(const ClipConfig& config, const TokenFrame* frame) {
  validate(config, kWrittenConfig);
  return {model_config(config, family_of(config), frame), {}};
}

WrittenDocument hugging_face_preprocessor(const Preprocess& preprocess) {
  const bool crops = preprocess.resize_mode == ResizeMode::kShortest;
  if (preprocess.resize_mode == ResizeMode::kLongest) {
    throw UsageError(
        "Hugging Face's preprocessor_config.json: images are padded to a square, which the "
        "processors of CLIP and SigLIP don't do; choose a layout without that file, such as plain");
  }
  const Json square = {{"height", preprocess.size}, {"width", preprocess.size}};
  Json json = {{"image_processor_type", crops ? "CLIPImageProcessor" : "SiglipImageProcessor"}};
  if (crops) json["feature_extractor_type"] = "CLIPFeatureExtractor";
  json["do_convert_rgb"] = true;
  json["do_resize"] = true;
  json["size"] = crops ? Json({{"shortest_edge", preprocess.size}}) : square;
  json["resample"] = preprocess.interpolation == Interpolation::kBilinear ? kBilinear : kBicubic;
  json["do_center_crop"] = crops;
  if (crops) json["crop_size"] = square;
  json["do_rescale"] = true;
  json["rescale_factor"] = kByteScale;
  json["do_normalize"] = true;
  json["image_mean"] = preprocess.mean;
  json["image_std"] = preprocess.std;
  return {std::move(json), inexpressible(preprocess)};
}

}  // namespace clipq
