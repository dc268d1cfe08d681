#pragma once

#include <cstdint>

#include "clipq/core/json.h"
#include "clipq/model/layer_norm.h"
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

/// What both towers have: a transformer and a projection.
struct TowerConfig {
  std::int64_t embed_dim = 0;
  std::int64_t width = 0;
  std::int64_t layers = 0;     ///< blocks
  std::int64_t mlp_width = 0;  ///< of a block's hidden layer
  TowerSettings settings;

  bool operator==(const TowerConfig&) const = default;
};

/// A ViT image tower.
struct ImageTowerConfig : TowerConfig {
  std::int64_t resolution = 0;  ///< pixels a side
  std::int64_t patch_size = 0;  ///< likewise

  bool operator==(const ImageTowerConfig&) const = default;

  std::int64_t patches_per_side() const { return resolution / patch_size; }
  std::int64_t patches() const { return patches_per_side() * patches_per_side(); }
  /// Patches plus the class token.
  std::int64_t tokens() const { return patches() + 1; }
};

/// A text tower.
struct TextTowerConfig : TowerConfig {
  std::int64_t context_length = 0;  ///< tokens
  std::int64_t vocab_size = 0;

  bool operator==(const TextTowerConfig&) const = default;
};

}  // namespace clipq
