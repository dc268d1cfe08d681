#pragma once

#include <ATen/core/Tensor.h>

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "clipq/eval/encode.h"
#include "clipq/model/clip_model.h"

namespace clipq {

/// One of several models of the same architecture of which each has other layers than the rest from
/// some stage of a tower on (TowerNetwork::stages()).
struct MixedModel {
  std::string name;
  ClipModel model;
  std::int64_t stage = 0;  ///< before which its layers are those of all others of its chain
  std::string chain;       ///< what the others have in common with it
};

/// A tower's inputs, batch by batch: pixels or tokens.
using TowerBatches = std::vector<at::Tensor>;

/// Which of a tower's features: texts have embeddings only.
struct TowerFeature {
  Tower tower = Tower::kImage;
  ImageFeature feature = ImageFeature::kEmbedding;
};

/// Gives `take` what each model makes of all batches, [rows, width] each: to the bit what
/// ClipModel::encode() or pool_image() returns, layer by layer. What batches are when they enter
/// the first stage in which a model differs is kept for the next model, so that a model costs only
/// the stages from there on; of each chain there is one such prefix at a time.
/// @param wanted called before a model runs; false: it is left out
/// Throws Interrupted, and what `take` throws.
void run_with_kept_prefixes(
    const std::vector<MixedModel>& models, const TowerFeature& feature, const TowerBatches& batches,
    const std::function<bool(const MixedModel& model)>& wanted,
    const std::function<void(const MixedModel& model, const std::vector<at::Tensor>& rows)>& take);

/// The most bytes of a batch on its way through a tower, as it enters a stage.
std::int64_t largest_bytes(const TowerNetwork& tower, const at::Tensor& batch);

}  // namespace clipq
