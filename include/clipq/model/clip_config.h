#pragma once

#include <cstdint>
#include <string>

#include "clipq/core/json.h"
#include "clipq/model/state_dict.h"
#include "clipq/numerics/activation.h"

namespace clipq {

/// The architecture of a CLIP with a ViT image tower.
struct ClipConfig {
  std::int64_t embed_dim = 0;
  std::int64_t image_resolution = 0;  ///< pixels a side
  std::int64_t vision_patch_size = 0;
  std::int64_t vision_width = 0;
  std::int64_t vision_layers = 0;
  std::int64_t vision_heads = 0;
  std::int64_t context_length = 0;  ///< tokens
  std::int64_t vocab_size = 0;
  std::int64_t text_width = 0;
  std::int64_t text_layers = 0;
  std::int64_t text_heads = 0;
  Activation activation = Activation::kQuickGelu;

  bool operator==(const ClipConfig&) const = default;

  std::int64_t patches_per_side() const { return image_resolution / vision_patch_size; }
  /// Patches plus the class token.
  std::int64_t vision_tokens() const { return patches_per_side() * patches_per_side() + 1; }
};

/// The architecture as the shapes in a state dict with OpenAI's names tell it (openai/CLIP's
/// build_model rules: 64 channels a head). The activation is left as it is.
/// Throws InputError if the names aren't those of a ViT CLIP, saying what is missing.
ClipConfig infer_config(const StateDict& state, const std::string& where);

/// Throws InputError that names `where` unless sizes are positive, patches tile the image and heads
/// divide the widths.
void validate(const ClipConfig& config, const std::string& where);

Json to_json(const ClipConfig& config);

/// The inverse of to_json, validated. Throws InputError that names `where`.
ClipConfig config_from_json(const Json& json, const std::string& where);

}  // namespace clipq
