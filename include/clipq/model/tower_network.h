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

/// A batch on its way through a tower.
struct StagedBatch {
  at::Tensor x;            ///< what the next stage is given
  at::Tensor positions;    ///< of each item's pooled token, int64 [batch]; undefined: there is none
  std::int64_t stage = 0;  ///< the next one
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

  /// encode() is a chain of stages: the first embeds the input, then each block is one, the next
  /// pools (what an ImageTower's pool() returns), and the last one projects.
  std::int64_t stages() const { return pooling_stage() + 2; }
  std::int64_t pooling_stage() const { return config().layers + 1; }

  /// The batch before the first stage.
  virtual StagedBatch start(const at::Tensor& input) const;

  /// Whether encode() leaves out tokens that no embedding of the batch depends on: those behind the
  /// longest text, and in the last block those that aren't pooled.
  virtual bool leaves_out_tokens() const { return false; }

  /// The batch as it is when `stage` is the next one, computed layer by layer; `batch` stays as it
  /// is. After all stages it is what encode() returns, to the bit, unless that has a faster way.
  /// Two towers make the same of a batch up to a stage if their layers are the same until then and
  /// both leave out tokens or neither does.
  StagedBatch advance(StagedBatch batch, std::int64_t stage) const;

  /// Adds all of its parts.
  virtual void add_parts(ModelParts& parts) = 0;

  /// Takes on other settings. Its attention must be float.
  virtual void apply(const TowerSettings& settings) = 0;

  virtual void accept(TowerVisitor& visitor) const = 0;

 protected:
  // The stages. Towers whose inside can't be seen have none.
  virtual at::Tensor embed(const at::Tensor& input) const;
  virtual at::Tensor run_block(const StagedBatch& batch, std::size_t block) const;
  virtual at::Tensor pool_blocks(const StagedBatch& batch) const;
  virtual at::Tensor project(const at::Tensor& pooled) const;
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
