#pragma once

#include "clipq/data/preprocess.h"
#include "clipq/model/text_tower.h"
#include "clipq/model/visual_tower.h"

namespace clipq {

/// A CLIP: float, observed or quantized, depending on what its layers are. Cheap to copy; copies
/// share layers and weights, which are never changed.
struct ClipModel {
  ClipConfig config;
  Preprocess preprocess;
  VisualTower visual;
  TextTower text;
  at::Tensor logit_scale;  ///< float32 scalar, the logarithm of the temperature's inverse

  Transformer& blocks(Tower tower) { return tower == Tower::kVisual ? visual.blocks : text.blocks; }

  /// @param pixels float32 [batch, 3, R, R], preprocessed. Throws InputError for another shape.
  /// @return float32 [batch, embed_dim], of length 1 if config.vision.normalized
  at::Tensor encode_image(const at::Tensor& pixels) const;

  /// What encode_image() projects: float32 [batch, vision_width]. Throws as it does.
  at::Tensor pool_image(const at::Tensor& pixels) const;

  /// @param tokens int64 or int32 [batch, length]. Throws InputError if an id is outside the
  ///        vocabulary or the length above context_length.
  /// @return float32 [batch, embed_dim], of length 1 if config.text.normalized
  at::Tensor encode_text(const at::Tensor& tokens) const;
};

/// Gives blocks and norms the activation and the eps of the model's config.
void apply_settings(ClipModel& model);

/// The model with other settings of a tower, whose attention must be float.
ClipModel with_settings(ClipModel model, Tower tower, const TowerSettings& settings);

/// Rows scaled to length 1.
at::Tensor normalize_rows(const at::Tensor& x);

/// Cosine of each row of `a` with the same row of `b`, in float64: [rows].
at::Tensor row_cosines(const at::Tensor& a, const at::Tensor& b);

}  // namespace clipq
