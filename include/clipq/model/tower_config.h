#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "clipq/core/json.h"
#include "clipq/model/layer_norm.h"
#include "clipq/numerics/activation.h"

namespace clipq {

/// Channels of an image.
inline constexpr std::int64_t kImageChannels = 3;

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
  std::int64_t mlp_width = 0;  ///< of a block's hidden layer; a ResNet has none
  TowerSettings settings;

  bool operator==(const TowerConfig&) const = default;

  /// Whether its blocks are those of a transformer, with GELU and LayerNorm: a ResNet's aren't.
  bool is_transformer() const { return mlp_width > 0; }
};

/// Which of an image tower's tokens make the embedding.
enum class ImagePooling {
  kClassToken,  ///< a token of its own before the patches
  kAttention,   ///< all patches, by an AttentionPool
  kMeanQuery    ///< the last map's positions, by an AttentionPool2d: a ResNet's
};

/// "class_token", "attention", "mean_query".
const char* name_of(ImagePooling pooling);

/// Throws UsageError that names `where` and the valid names.
ImagePooling parse_image_pooling(const std::string& name, const std::string& where);

/// The stages of a ResNet.
struct ResNetStages {
  std::int64_t width = 0;                ///< channels of the stem's output
  std::array<std::int64_t, 4> blocks{};  ///< of each stage

  static constexpr std::int64_t kWidening = 32;   ///< last map's channels / width
  static constexpr std::int64_t kShrinking = 32;  ///< image's side / last map's

  bool operator==(const ResNetStages&) const = default;
};

/// An image tower: a ViT, or a ResNet.
struct ImageTowerConfig : TowerConfig {
  std::int64_t resolution = 0;  ///< pixels a side
  std::int64_t patch_size = 0;  ///< likewise; of a ResNet, of what becomes a position of its last
                                ///< map
  ImagePooling pooling = ImagePooling::kClassToken;
  ResNetStages stages = {};  ///< of a ResNet

  bool operator==(const ImageTowerConfig&) const = default;

  std::int64_t patches_per_side() const { return resolution / patch_size; }
  std::int64_t patches() const { return patches_per_side() * patches_per_side(); }
  /// Patches, and the class token or the mean if there is one.
  std::int64_t tokens() const { return patches() + (pooling == ImagePooling::kAttention ? 0 : 1); }
  bool is_resnet() const { return pooling == ImagePooling::kMeanQuery; }
};

/// Which of a text tower's tokens makes the embedding.
enum class TextPooling {
  kLargestId,  ///< the first with the largest id
  kFirstEnd,   ///< the first whose id is the end's; without any, the first token
  kLast        ///< the last of the context, padding or not
};

/// "largest_id", "first_end", "last".
const char* name_of(TextPooling pooling);

/// Throws UsageError that names `where` and the valid names.
TextPooling parse_text_pooling(const std::string& name, const std::string& where);

/// How a text tower reads texts, which no shape tells.
struct TextReading {
  TextPooling pooling = TextPooling::kLargestId;
  std::int64_t end_id = 0;  ///< for TextPooling::kFirstEnd
  bool causal = true;       ///< whether a token attends only to itself and those before it

  bool operator==(const TextReading&) const = default;
};

/// A text tower.
struct TextTowerConfig : TowerConfig, TextReading {
  std::int64_t context_length = 0;  ///< tokens
  std::int64_t vocab_size = 0;
  bool projection_bias = false;  ///< whether the projection has one

  bool operator==(const TextTowerConfig&) const = default;
};

/// What the tower is besides its sizes: "ViT with a class token", "ViT pooled by attention",
/// "ResNet".
std::string describe(const ImageTowerConfig& config);

/// The same: "causal, pooled at the token with the largest id".
std::string describe(const TextReading& reading);

}  // namespace clipq
