#pragma once

#include <memory>

#include "clipq/model/parts.h"
#include "clipq/model/tower_config.h"

namespace clipq {

/// Adds a tower's table of positions: a row for each token that passes through it.
void add_positions(ModelParts& parts, const PartPlace& tower, at::Tensor& positions,
                   std::int64_t width);

/// Adds the projection at a tower's end, which checkpoints store as [width, embed_dim].
/// @param norm the one before it
void add_projection(ModelParts& parts, const PartPlace& place, const TowerConfig& config,
                    std::shared_ptr<const Linear>& projection, LayerNorm& norm);

}  // namespace clipq
