#pragma once

#include <cstdint>
#include <string>

#include "clipq/core/json.h"
#include "clipq/model/layer_norm.h"
#include "clipq/model/state_dict.h"
#include "clipq/model/tower.h"
#include "clipq/numerics/activation.h"

namespace clipq {

/// What the shapes of a tower's tensors don't tell.
struct TowerSettings {
  std::int64_t heads = 0;
  Activation activation = Activation::kQuickGelu;
  double layer_norm_eps = kLayerNormEps;
  bool normalized = false;  ///< whether the tower's embeddings are scaled to length 1

  bool operator==(const TowerSettings&) const = default;
};

/// The architecture of a CLIP with a ViT image tower.
struct ClipConfig {
  std::int64_t embed_dim = 0;
  std::int64_t image_resolution = 0;  ///< pixels a side
  std::int64_t vision_patch_size = 0;
  std::int64_t vision_width = 0;
  std::int64_t vision_layers = 0;
  std::int64_t context_length = 0;  ///< tokens
  std::int64_t vocab_size = 0;
  std::int64_t text_width = 0;
  std::int64_t text_layers = 0;
  TowerSettings vision;
  TowerSettings text;

  bool operator==(const ClipConfig&) const = default;

  const TowerSettings& settings(Tower tower) const {
    return tower == Tower::kVisual ? vision : text;
  }
  TowerSettings& settings(Tower tower) { return tower == Tower::kVisual ? vision : text; }
  std::int64_t width(Tower tower) const {
    return tower == Tower::kVisual ? vision_width : text_width;
  }

  std::int64_t patches_per_side() const { return image_resolution / vision_patch_size; }
  /// Patches plus the class token.
  std::int64_t vision_tokens() const { return patches_per_side() * patches_per_side() + 1; }
};

/// The architecture as the shapes in a state dict with OpenAI's names tell it (openai/CLIP's
/// build_model rules). Heads are taken to be 64 wide; the other settings are left as they are.
/// Throws InputError if the names aren't those of a ViT CLIP, saying what is missing.
ClipConfig infer_config(const StateDict& state, const std::string& where);

/// Throws InputError that names `where` unless sizes are positive, patches tile the image, heads
/// divide the widths and eps is above 0 and below 1.
void validate(const ClipConfig& config, const std::string& where);

Json to_json(const ClipConfig& config);

/// The inverse of to_json, validated. Throws InputError that names `where`.
ClipConfig config_from_json(const Json& json, const std::string& where);

}  // namespace clipq
