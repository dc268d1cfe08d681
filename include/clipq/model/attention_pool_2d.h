#pragma once

#include <memory>

#include "clipq/model/attention.h"
#include "clipq/model/linear.h"
#include "clipq/model/parts.h"
#include "clipq/model/tower_config.h"

namespace clipq {

/// Pooling of a map by attention, as CLIP's ResNets do it ("AttentionPool2d"): the positions and,
/// before them, their mean are tokens; the mean's query attends to all of them.
struct AttentionPool2d {
  /// Without weights yet.
  explicit AttentionPool2d(const ImageTowerConfig& config);

  std::int64_t width;
  std::int64_t embed_dim;
  at::Tensor positions;               ///< [tokens, width]
  std::shared_ptr<const Linear> qkv;  ///< [3 * width, width]: queries, keys, values
  std::shared_ptr<const Attention> attention;
  std::shared_ptr<const Linear> output;  ///< [embed_dim, width]

  /// What the output layer is given.
  /// @param map float32 [batch, height, width, channels]
  /// @return float32 [batch, channels]
  at::Tensor attend(const at::Tensor& map) const;

  bool needs_whole_batch() const;

  /// @param place its rows are the tokens
  void add_parts(ModelParts& parts, const PartPlace& place);

  void apply(const TowerSettings& settings);
};

}  // namespace clipq
