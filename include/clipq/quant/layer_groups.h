#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "clipq/model/clip_model.h"
#include "clipq/quant/placement.h"

namespace clipq {

/// Layers of a model that are quantized or left float together where the effect of quantizing parts
/// of it is told apart: the attention or the MLP of a block, a bottleneck, what comes before the
/// blocks, and what comes after them.
struct LayerGroup {
  std::string name;  ///< canonical path, "visual.transformer.resblocks.3.attn"
  Tower tower = Tower::kImage;
  std::int64_t stage = 0;                ///< of the tower's, in which its first layer is computed
  std::vector<std::string> layers = {};  ///< canonical paths
  std::vector<std::string> globs = {};   ///< match its quantizers and no others: for recipes' rules
  std::int64_t quantizers = 0;           ///< that are enabled
};

/// The groups that have an enabled quantizer, in the order of the data flow, images first.
/// @param parts of the model that `placement` is for
std::vector<LayerGroup> layer_groups(const ModelParts& parts, const Placement& placement);

/// `model` with those layers of the group's that `other` has in their places: a model of the same
/// checkpoint, such as its quantized form.
ClipModel with_layers_of(ClipModel model, ClipModel other, const LayerGroup& group);

}  // namespace clipq
