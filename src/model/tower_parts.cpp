#include "tower_parts.h"

namespace clipq {

void add_positions(ModelParts& parts, const PartPlace& tower, at::Tensor& positions,
                   std::int64_t width) {
  parts.tensors.push_back(
      {tower.of("positional_embedding"), &positions, {tower.rows, width}, TensorUse::kPositions});
}

void add_projection(ModelParts& parts, const PartPlace& place, const TowerConfig& config,
                    std::shared_ptr<const Linear>& projection, LayerNorm& norm) {
  parts.linears.push_back({place,
                           &projection,
                           config.embed_dim,
                           config.width,
                           {place.name, {config.width, config.embed_dim}, true, ""},
                           &norm});
}

}  // namespace clipq
