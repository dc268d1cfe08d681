#pragma once

#include <memory>
#include <vector>

#include "clipq/model/block.h"
#include "clipq/model/layer_profile.h"

namespace clipq {

/// All blocks of a tower in one go, where there is a faster way than layer by layer.
class TransformerRunner {
 public:
  virtual ~TransformerRunner() = default;

  /// As Transformer's.
  virtual at::Tensor forward(const at::Tensor& x) const = 0;
  virtual at::Tensor forward_pooled(const at::Tensor& x, const at::Tensor& positions) const = 0;

  /// Whether what a causal mask hides isn't computed.
  virtual bool skips_hidden() const = 0;

  /// The same with the time of everything that it does in each block added to `profile`, under the
  /// names of the layers.
  virtual std::shared_ptr<const TransformerRunner> profiled(
      std::shared_ptr<LayerProfile> profile) const = 0;
};

/// The canonical path of a block, "visual.transformer.resblocks.3".
/// @param transformer the path of the transformer
std::string block_name(const std::string& transformer, std::size_t index);

/// The blocks of a tower, one after the other.
struct Transformer {
  Transformer() = default;
  /// Without weights yet.
  /// @param causal whether a token attends only to itself and those before it
  Transformer(const TowerConfig& config, bool causal);

  std::vector<Block> blocks;
  std::shared_ptr<const TransformerRunner> runner;  ///< runs the blocks; null: layer by layer

  /// The output at all positions.
  /// @param x float32 [batch, tokens, width]
  /// @return float32 [batch, tokens, width]
  at::Tensor forward(at::Tensor x) const;

  /// The output at one position per item. Of the last block only what those positions need is
  /// computed, unless a layer needs the whole batch.
  /// @param x float32 [batch, tokens, width]
  /// @param positions int64 [batch], each in [0, tokens)
  /// @return float32 [batch, width]
  at::Tensor forward_pooled(at::Tensor x, const at::Tensor& positions) const;

  /// Whether of the last block only the output at some positions is computed where no other is
  /// wanted.
  bool leaves_out_tokens() const { return !blocks.empty() && !needs_whole_batch(); }

  /// What forward_pooled() makes of one block's input, layer by layer: [batch, tokens, width], of
  /// the last block [batch, 1, width] if it leaves out tokens.
  at::Tensor run_block(std::size_t block, const at::Tensor& x, const at::Tensor& positions) const;

  /// What it makes of the last block's output: [batch, width].
  at::Tensor take_pooled(const at::Tensor& x, const at::Tensor& positions) const;

  /// The output of each block, computed layer by layer: float32 [batch, tokens, width] each.
  std::vector<at::Tensor> block_outputs(at::Tensor x) const;

  /// Whether a layer of the blocks needs the whole batch (Linear::needs_whole_batch).
  bool needs_whole_batch() const;

  void add_parts(ModelParts& parts, const PartPlace& place);

  /// Takes on other settings. Its attention must be float.
  void apply(const TowerSettings& settings);

  /// Likewise.
  void set_causal(bool causal);
};

}  // namespace clipq
