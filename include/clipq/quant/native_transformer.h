#pragma once

#include <memory>
#include <mutex>
#include <vector>

#include "clipq/kernels/integer_linear.h"
#include "clipq/model/layer_profile.h"
#include "clipq/model/tower.h"
#include "clipq/model/transformer.h"

namespace clipq {

/// All blocks of a tower on integer kernels. What stands between two attentions is done panel by
/// panel of rows, so that activations stay in a core's cache and threads meet twice a block. Of a
/// causal tower nothing behind an item's position is computed.
class NativeTransformer final : public TransformerRunner {
 public:
  /// Whether every linear of the blocks is native and none needs the whole batch.
  static bool can_run(const Transformer& blocks);

  /// @param blocks as can_run() wants them; shares their layers
  NativeTransformer(const Transformer& blocks, Activation activation, Tower tower);
  ~NativeTransformer() override;

  at::Tensor forward_pooled(const at::Tensor& x, const at::Tensor& positions) const override;

  /// The same with the time of everything it does in each block added to `profile`, under the names
  /// of the layers (their quantizers apart) and of the block's norms.
  std::shared_ptr<const NativeTransformer> profiled(std::shared_ptr<LayerProfile> profile) const;

 private:
  struct Layers;
  struct Scratch;
  struct Items;
  class Run;

  std::unique_ptr<Scratch> borrow_scratch() const;
  void give_back(std::unique_ptr<Scratch> scratch) const;

  std::vector<Layers> layers_;
  Transformer blocks_;
  Activation activation_;
  Tower tower_;
  std::shared_ptr<LayerProfile> profile_;  ///< nullptr: not timed
  mutable std::mutex mutex_;
  mutable std::vector<std::unique_ptr<Scratch>> idle_;  ///< of calls that have ended
};

}  // namespace clipq
