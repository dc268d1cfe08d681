#include "clipq/checkpoint/write_open_clip.h"

#include <array>
#include <optional>
#include <utility>

#include "clipq/core/error.h"
#include "clipq/core/strings.h"
#include "clipq/data/preprocess_json.h"
#include "timm_siglip.h"

namespace clipq {
namespace {

constexpr const char* kWrittenOpenClipConfig = "open_clip's configuration";

/// open_clip's own, which a configuration needn't say.
constexpr double kEps = 1e-5;
constexpr double kMlpRatio = 4;

/// SigLIP's image towers, by which sizes timm tells them apart.
struct TimmTower {
  std::int64_t width;
  std::int64_t layers;
  std::int64_t patch_size;
  const char* name;
};

constexpr std::array<TimmTower, 6> kTimmTowers = {{{768, 12, 16, "vit_base_patch16_siglip_"},
                                                   {768, 12, 32, "vit_base_patch32_siglip_"},
                                                   {1024, 24, 16, "vit_large_patch16_siglip_"},
                                                   {1152, 27, 14, "vit_so400m_patch14_siglip_"},
                                                   {1152, 27, 16, "vit_so400m_patch16_siglip_"},
                                                   {1536, 40, 16, "vit_giantopt_patch16_siglip_"}}};

/// timm's name of the tower; empty: it has none.
std::optional<std::string> timm_name(const ImageTowerConfig& image) {
  for (const TimmTower& each : kTimmTowers) {
    if (each.width == image.width && each.layers == image.layers &&
        each.patch_size == image.patch_size) {
      return cat(each.name, image.resolution);
    }
  }
  return std::nullopt;
}

/// Activation, eps and MLP where they aren't open_clip's.
void add_settings(const TowerConfig& tower, Json& json) {
  const double ratio = static_cast<double>(tower.mlp_width) / static_cast<double>(tower.width);
  if (ratio != kMlpRatio) json["mlp_ratio"] = ratio;
  const double eps = tower.settings.layer_norm_eps;
  if (eps != kEps) json["norm_kwargs"] = Json::object({{"eps", eps}});
  if (tower.settings.activation == Activation::kGeluTanh) {
    json["act_kwargs"] = Json::object({{"approximate", "tanh"}});
  }
}

class OpenClipWriter {
 public:
  explicit OpenClipWriter(const ClipConfig& config) : config_(config) {}

  WrittenDocument write() {
    validate(config_, kWrittenOpenClipConfig);
    out_.json["embed_dim"] = config_.embed_dim();
    if (uses_quick_gelu()) out_.json["quick_gelu"] = true;
    if (config_.image && config_.image->pooling == ImagePooling::kAttention) {
      out_.json["custom_text"] = true;
    }
    if (config_.image) out_.json["vision_cfg"] = vision(*config_.image);
    if (config_.text) out_.json["text_cfg"] = text(*config_.text);
    return std::move(out_);
  }

 private:
  /// One key for both towers.
  bool uses_quick_gelu() {
    int with = 0;
    int transformers = 0;
    for (const Tower tower : config_.towers()) {
      const TowerConfig& config = config_.tower(tower);
      if (!config.is_transformer()) continue;
      ++transformers;
      with += config.settings.activation == Activation::kQuickGelu ? 1 : 0;
    }
    if (with == 1 && transformers == 2) {
      out_.inexpressible.emplace_back("that only one tower has QuickGELU");
    }
    return with > 0;
  }

  static Json resnet(const ImageTowerConfig& image) {
    return {{"image_size", image.resolution},
            {"layers", image.stages.blocks},
            {"width", image.stages.width},
            {"head_width", image.width / image.settings.heads},
            {"patch_size", nullptr}};
  }

  Json vision(const ImageTowerConfig& image) {
    if (image.is_resnet()) return resnet(image);
    Json json = {{"image_size", image.resolution},
                 {"layers", image.layers},
                 {"width", image.width},
                 {"head_width", image.width / image.settings.heads},
                 {"patch_size", image.patch_size}};
    if (image.pooling == ImagePooling::kAttention) {
      name_timm_tower(image, json);
    } else {
      add_settings(image, json);
    }
    return json;
  }

  /// Of towers that are pooled by attention, open_clip knows SigLIP's alone, by timm's names.
  void name_timm_tower(const ImageTowerConfig& image, Json& json) {
    const auto name = timm_name(image);
    if (!name) {
      out_.inexpressible.emplace_back("an image tower pooled by attention of these sizes");
      return;
    }
    json["timm_model_name"] = *name;
    json["timm_model_pretrained"] = false;
    json["timm_pool"] = "map";
    json["timm_proj"] = "none";
    const TimmSiglip timms = timm_siglip(json, kWrittenOpenClipConfig);
    const TowerSettings& settings = image.settings;
    if (timms.heads == settings.heads && timms.activation == settings.activation &&
        settings.layer_norm_eps == kTimmSiglipEps) {
      return;
    }
    out_.inexpressible.push_back(cat(
        "heads, activation or LayerNorm eps of the image tower: timm's ", *name, " has others"));
  }

  static Json text(const TextTowerConfig& text) {
    Json json = {{"context_length", text.context_length},
                 {"vocab_size", text.vocab_size},
                 {"width", text.width},
                 {"heads", text.settings.heads},
                 {"layers", text.layers}};
    if (text.pooling == TextPooling::kLast) json["pool_type"] = "last";
    if (text.pooling == TextPooling::kFirstEnd) {
      json["pool_type"] = "eos";
      json["eos_id"] = text.end_id;
    }
    if (!text.causal) json["no_causal_mask"] = true;
    if (text.projection_bias) json["proj_bias"] = true;
    add_settings(text, json);
    return json;
  }

  const ClipConfig& config_;
  WrittenDocument out_;
};

}  // namespace

WrittenDocument open_clip_config(const ClipConfig& config) {
  return OpenClipWriter(config).write();
}

WrittenDocument immich_preprocess(const Preprocess& preprocess) {
  if (preprocess.resize_mode == ResizeMode::kLongest) {
    throw UsageError(
        "Immich's preprocess_cfg.json: images are padded to a square, which Immich doesn't do; "
        "write "
        "the model for another program");
  }
  const Json own = to_json(preprocess);
  WrittenDocument out;
  out.json = {{"size", Json::array({preprocess.size, preprocess.size})}, {"mode", "RGB"}};
  for (const char* key : {"mean", "std", "interpolation", "resize_mode", "fill_color"}) {
    out.json[key] = own.at(key);
  }
  if (preprocess.resize_mode == ResizeMode::kShortest &&
      preprocess.crop_offset != CropOffset::kFloor) {
    out.inexpressible.emplace_back("the rounding of where a crop begins: Immich rounds down");
  }
  return out;
}

}  // namespace clipq
