#pragma once

#include "clipq/core/cloned.h"
#include "clipq/data/preprocess.h"
#include "clipq/model/clip_config.h"
#include "clipq/model/tower_network.h"

namespace clipq {

/// A CLIP, or one of its towers alone: float, observed or quantized, depending on what its layers
/// are. Cheap to copy; copies share layers and weights, which are never changed.
struct ClipModel {
  Preprocess preprocess;     ///< for the image tower
  Cloned<ImageTower> image;  ///< may be empty
  Cloned<TextTower> text;    ///< likewise, unless the other is
  at::Tensor logit_scale;    ///< float32 scalar, the logarithm of the temperature's inverse;
                             ///< undefined unless both towers are there

  ClipConfig config() const;
  bool has(Tower tower) const { return tower == Tower::kImage ? bool(image) : bool(text); }
  /// Those that are there.
  std::vector<Tower> towers() const;

  /// One that is there.
  const TowerNetwork& tower(Tower tower) const;
  TowerNetwork& tower(Tower tower);

  /// @param pixels float32 [batch, 3, R, R], preprocessed. Throws InputError for another shape,
  ///        UsageError if there is no image tower.
  /// @return float32 [batch, embed_dim], of length 1 if the tower's settings say so
  at::Tensor encode_image(const at::Tensor& pixels) const;

  /// What encode_image() projects: float32 [batch, width]. Throws as it does.
  at::Tensor pool_image(const at::Tensor& pixels) const;

  /// @param tokens int64 or int32 [batch, length]. Throws InputError if an id is outside the
  ///        vocabulary or the length above context_length, UsageError if there is no text tower.
  /// @return float32 [batch, embed_dim], of length 1 if the tower's settings say so
  at::Tensor encode_text(const at::Tensor& tokens) const;

  /// encode_image() or encode_text().
  at::Tensor encode(Tower tower, const at::Tensor& input) const;

  /// The embeddings of a batch that TowerNetwork::advance() has brought to any stage: what encode()
  /// returns, to the bit, unless the tower has a faster way.
  at::Tensor finish(Tower tower, const StagedBatch& batch) const;
};

/// Throws UsageError unless the model has that tower.
/// @param name what messages call the model
void require_tower(const ClipModel& model, Tower tower, const std::string& name);

/// A model whose towers have no weights yet: only their parts can be asked for.
ClipModel make_towers(const ClipConfig& config);

/// All parts of `model`; they point into it and live as long.
ModelParts parts_of(ClipModel& model);

/// The model without its other tower, if it has one.
ClipModel tower_alone(ClipModel model, Tower tower);

/// The model with other settings of a tower, whose attention must be float.
ClipModel with_settings(ClipModel model, Tower tower, const TowerSettings& settings);

/// The model with a text tower that reads texts in another way and whose attention must be float.
ClipModel with_reading(ClipModel model, const TextReading& reading);

/// Rows scaled to length 1.
at::Tensor normalize_rows(const at::Tensor& x);

/// Cosine of each row of `a` with the same row of `b`, in float64: [rows].
at::Tensor row_cosines(const at::Tensor& a, const at::Tensor& b);

}  // namespace clipq
