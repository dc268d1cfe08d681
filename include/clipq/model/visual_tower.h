#pragma once

#include "clipq/model/clip_config.h"
#include "clipq/model/transformer.h"

namespace clipq {

/// CLIP's ViT image tower.
struct VisualTower {
  std::shared_ptr<const Linear> conv1;  ///< the patch convolution over flattened patches:
                                        ///< [width, 3 * patch * patch], no bias
  at::Tensor class_embedding;           ///< [width]
  at::Tensor positional_embedding;      ///< [patches + 1, width]
  LayerNorm ln_pre;
  Transformer blocks;
  std::shared_ptr<const TransformerRunner> runner;  ///< runs the blocks; absent: layer by layer
  LayerNorm ln_post;
  std::shared_ptr<const Linear> proj;  ///< [embed_dim, width], no bias

  /// @param pixels float32 [batch, 3, resolution, resolution], normalized
  /// @return float32 [batch, embed_dim], not normalized
  at::Tensor encode(const at::Tensor& pixels, const ClipConfig& config) const;

  /// What the first block is given.
  /// @return float32 [batch, patches + 1, width]
  at::Tensor embed(const at::Tensor& pixels, const ClipConfig& config) const;

  /// What encode() projects.
  /// @return float32 [batch, width]
  at::Tensor pool(const at::Tensor& pixels, const ClipConfig& config) const;

  /// Whether an image's embedding depends on the others of its batch.
  bool needs_whole_batch() const;
};

/// Images cut into patches: [batch, 3, R, R] to [batch, (R / patch)^2, 3 * patch * patch], patches
/// and pixels in row-major order, so that a convolution of stride `patch` is a Linear.
at::Tensor patchify(const at::Tensor& pixels, std::int64_t patch);

}  // namespace clipq
