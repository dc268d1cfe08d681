#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

#include "clipq/model/parts.h"
#include "clipq/model/tower_config.h"

namespace clipq {

class AttentionPooledVit;
class ResNetTower;
class TransformerTextTower;
class VitTower;

/// One function per type of tower, for writers: one that lacks a function doesn't compile.
class TowerVisitor {
 public:
  virtual ~TowerVisitor() = default;
  virtual void visit(const VitTower& tower) = 0;
  virtual void visit(const AttentionPooledVit& tower) = 0;
  virtual void visit(const ResNetTower& tower) = 0;
  virtual void visit(const TransformerTextTower& tower) = 0;
};

/// What image and text towers have in common. Copies share layers and weights, which are never
/// changed.
class TowerNetwork {
 public:
  virtual ~TowerNetwork() = default;

  virtual const TowerConfig& config() const = 0;

  /// @param input pixels or tokens
  /// @return float32 [batch, embed_dim], not normalized
  virtual at::Tensor encode(const at::Tensor& input) const = 0;

  /// The residual stream after each block, computed layer by layer: float32 [batch, tokens, width]
  /// each, or [batch, positions, channels].
  virtual std::vector<at::Tensor> block_outputs(const at::Tensor& input) const = 0;

  /// Whether an item's embedding depends on the others of its batch and on their padding.
  virtual bool needs_whole_batch() const = 0;

  /// Adds all of its parts.
  virtual void add_parts(ModelParts& parts) = 0;

  /// Takes on other settings. Its attention must be float.
  virtual void apply(const TowerSettings& settings) = 0;

  virtual void accept(TowerVisitor& visitor) const = 0;
};

/// From images to embeddings.
class ImageTower : public TowerNetwork {
 public:
  virtual std::unique_ptr<ImageTower> clone() const = 0;

  const ImageTowerConfig& config() const override = 0;

  /// What encode() projects.
  /// @param pixels float32 [batch, 3, resolution, resolution], normalized
  /// @return float32 [batch, width]
  virtual at::Tensor pool(const at::Tensor& pixels) const = 0;
};

/// From token ids to embeddings.
class TextTower : public TowerNetwork {
 public:
  virtual std::unique_ptr<TextTower> clone() const = 0;

  const TextTowerConfig& config() const override = 0;

  /// Reads texts in another way. Its attention must be float.
  virtual void apply(const TextReading& reading) = 0;
  using TowerNetwork::apply;

  /// How many of its first tokens each text's embedding depends on.
  /// @param tokens int64 or int32 [batch, length]
  /// @return int64 [batch], each in [1, length]
  virtual at::Tensor lengths(const at::Tensor& tokens) const = 0;
};

}  // namespace clipq
