#include "clipq/model/visual_tower.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/zeros.h>

namespace clipq {

at::Tensor patchify(const at::Tensor& pixels, std::int64_t patch) {
  const std::int64_t batch = pixels.size(0);
  const std::int64_t grid = pixels.size(2) / patch;
  return pixels.reshape({batch, 3, grid, patch, grid, patch})
      .permute({0, 2, 4, 1, 3, 5})
      .reshape({batch, grid * grid, 3 * patch * patch});
}

at::Tensor VisualTower::encode(const at::Tensor& pixels, const ClipConfig& config) const {
  return proj->forward(pool(pixels, config));
}

at::Tensor VisualTower::embed(const at::Tensor& pixels, const ClipConfig& config) const {
  const at::Tensor patches = conv1->forward(patchify(pixels, config.vision_patch_size));
  const at::Tensor class_tokens = class_embedding.expand({pixels.size(0), 1, config.vision_width});
  return ln_pre.forward(at::cat({class_tokens, patches}, 1).add(positional_embedding));
}

at::Tensor VisualTower::pool(const at::Tensor& pixels, const ClipConfig& config) const {
  const at::Tensor class_positions = at::zeros({pixels.size(0)}, at::kLong);
  const at::Tensor x = embed(pixels, config);
  return ln_post.forward(runner ? runner->forward_pooled(x, class_positions)
                                : forward_pooled(blocks, x, class_positions));
}

bool VisualTower::needs_whole_batch() const {
  return conv1->needs_whole_batch() || clipq::needs_whole_batch(blocks) ||
         proj->needs_whole_batch();
}

}  // namespace clipq
