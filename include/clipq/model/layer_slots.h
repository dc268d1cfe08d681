#pragma once

#include <string>
#include <vector>

#include "clipq/model/clip_model.h"
#include "clipq/model/tower.h"

namespace clipq {

/// The place of a replaceable layer in a model.
template <typename Layer>
struct LayerSlot {
  std::string
      name;  ///< canonical module path, for instance "visual.transformer.resblocks.3.mlp.c_fc"
  Tower tower;
  std::int64_t rows;  ///< tokens that pass through it for one image or one text at full context
  std::shared_ptr<const Layer>* layer;
};

/// The place of a Linear, with the shape that the model's config gives it.
struct LinearSlot : LayerSlot<Linear> {
  std::int64_t out_features;
  std::int64_t in_features;
  bool has_bias;
};

/// All replaceable layers of a model, in the order in which data flows through them.
struct LayerSlots {
  std::vector<LinearSlot> linears;
  std::vector<LayerSlot<Attention>> attentions;  ///< named "….attn"
  std::vector<LayerSlot<Embedding>> embeddings;
};

/// The slots of `model`; they point into it and live as long.
LayerSlots layer_slots(ClipModel& model);

/// The canonical path of a tower's block, "visual.transformer.resblocks.3".
std::string block_name(Tower tower, std::size_t index);

}  // namespace clipq
