#pragma once

#include "clipq/model/layer_profile.h"
#include "float_map.h"
#include "resnet_layers.h"

namespace clipq {

/// Takes the last maps of some items through a ResNet's attention pool, and keeps its buffers from
/// one time to the next. Panels of tokens are shared among threads, unless it is called within a
/// parallel region.
class PoolPass {
 public:
  /// Keeps references.
  /// @param profile may be null
  PoolPass(const IntegerPool& pool, LayerProfile* profile);

  /// Where the last maps go: float32 [items, positions, width].
  float* cells(std::int64_t items);

  /// @param items as many as cells() was asked for
  /// @param out what the pool's attention returns, float32 [items, width]
  void run(std::int64_t items, float* out);

 private:
  void project_queries(std::int64_t items);
  void project(std::int64_t first, std::int64_t items);
  void attend(std::int64_t first, std::int64_t items, float* out) const;

  TimedLayer time(const std::string& layer) const { return {profile_, layer, threads_}; }

  const IntegerPool& pool_;
  LayerProfile* profile_;
  int threads_;
  FloatRoom tokens_room_;
  FloatRoom queries_room_;
  FloatRoom projected_room_;
  float* tokens_ = nullptr;     ///< [items, tokens, width]
  float* queries_ = nullptr;    ///< [items, width]
  float* projected_ = nullptr;  ///< keys and values of some items: [items, tokens, 2 * width]
};

}  // namespace clipq
