#pragma once

#include <map>
#include <string>
#include <vector>

#include "clipq/eval/kept_prefixes.h"
#include "clipq/quant/layer_groups.h"
#include "clipq/quant/quantize_model.h"

namespace clipq {

/// Names of models, and of the chains that they lead.
inline constexpr const char* kFloat = "float";
inline constexpr const char* kQuantized = "quantized";

/// Of the model in which nothing but the group is quantized.
std::string one_only_name(const LayerGroup& group);

/// Of the model in which everything but the group is.
std::string leave_one_out_name(const LayerGroup& group);

/// The float model, the quantized one, and one or both mixtures of each of the tower's groups.
std::map<Tower, std::vector<MixedModel>> mixed_models(const QuantizedPair& models,
                                                      const std::vector<LayerGroup>& groups,
                                                      bool leaves_one_out = true);

}  // namespace clipq
