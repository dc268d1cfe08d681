#pragma once

#include <memory>
#include <mutex>
#include <vector>

#include "clipq/kernels/attention_path.h"
#include "clipq/model/layer_profile.h"
#include "clipq/model/tower.h"
#include "clipq/model/transformer.h"

namespace clipq {

class NativeBlock;

/// What all blocks of a tower have in common.
struct BlockChoices {
  const AttentionPath* attention = &float32_attention_path();  ///< where it isn't quantized
};

/// All blocks of a tower on integer kernels. A thread takes an item through a whole block, or,
/// where there are fewer items than threads, a panel of rows through what stands between two
/// attentions: activations stay in a core's cache, and nothing is allocated once a batch of that
/// size has run. Of a causal tower nothing behind an item's position is computed.
class NativeTransformer final : public TransformerRunner {
 public:
  /// Whether every linear of the blocks is native and none needs the whole batch.
  static bool can_run(const Transformer& blocks);

  /// @param blocks as can_run() wants them; their layers are shared
  NativeTransformer(const Transformer& blocks, const BlockChoices& choices, Tower tower);
  ~NativeTransformer() override;

  /// Whether no block's attention is quantized.
  bool has_float_attention() const;

  at::Tensor forward_pooled(const at::Tensor& x, const at::Tensor& positions) const override;

  /// The same with the time of everything it does in each block added to `profile`, under the names
  /// of the layers (their quantizers apart) and of the block's norms.
  std::shared_ptr<const NativeTransformer> profiled(std::shared_ptr<LayerProfile> profile) const;

 private:
  struct Scratch;
  struct Items;
  class Run;

  std::unique_ptr<Scratch> borrow_scratch() const;
  void give_back(std::unique_ptr<Scratch> scratch) const;

  Transformer layers_;
  BlockChoices choices_;
  Tower tower_;
  std::vector<NativeBlock> blocks_;
  std::shared_ptr<LayerProfile> profile_;  ///< nullptr: not timed
  mutable std::mutex mutex_;
  mutable std::vector<std::unique_ptr<Scratch>> idle_;  ///< of calls that have ended
};

}  // namespace clipq
