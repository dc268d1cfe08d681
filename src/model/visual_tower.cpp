#include "clipq/model/visual_tower.h"

#include <ATen/ops/cat.h>

namespace clipq {

at::Tensor patchify(const at::Tensor& pixels, std::int64_t patch) {
  const std::int64_t batch = pixels.size(0);
  const std::int64_t grid = pixels.size(2) / patch;
  return pixels.reshape({batch, 3, grid, patch, grid, patch})
      .permute({0, 2, 4, 1, 3, 5})
      .reshape({batch, grid * grid, 3 * patch * patch});
}

at::Tensor VisualTower::encode(const at::Tensor& pixels, const ClipConfig& config) const {
  const at::Tensor patches = conv1->forward(patchify(pixels, config.vision_patch_size));
  const at::Tensor class_tokens = class_embedding.expand({pixels.size(0), 1, config.vision_width});
  const at::Tensor tokens = at::cat({class_tokens, patches}, 1).add(positional_embedding);
  const at::Tensor encoded = clipq::forward(blocks, ln_pre.forward(tokens), config.activation);
  return proj->forward(ln_post.forward(encoded.select(1, 0)));
}

}  // namespace clipq
