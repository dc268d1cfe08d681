#include "clipq/quant/layer_groups.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace clipq {
namespace {

/// Adds a part to its group, or begins one.
void add_to_group(std::vector<LayerGroup>& groups, const PartPlace& part) {
  auto group = std::find_if(groups.begin(), groups.end(), [&part](const LayerGroup& each) {
    return each.name == part.group_name();
  });
  if (group == groups.end()) {
    groups.push_back({part.group_name(), part.tower, part.stage});
    group = std::prev(groups.end());
  }
  group->layers.push_back(part.name);
  group->stage = std::min(group->stage, part.stage);
}

bool has_layer(const LayerGroup& group, const std::string& name) {
  return std::find(group.layers.begin(), group.layers.end(), name) != group.layers.end();
}

/// One glob where the group's path stands before all of its quantizers' names, else one a layer.
std::vector<std::string> globs_of(const LayerGroup& group) {
  const auto is_below = [&group](const std::string& layer) {
    return layer == group.name || layer.starts_with(group.name + ".");
  };
  if (std::all_of(group.layers.begin(), group.layers.end(), is_below)) return {group.name + ".*"};
  std::vector<std::string> globs;
  for (const std::string& layer : group.layers) globs.push_back(layer + ".*");
  return globs;
}

/// Puts the layers of `others` in the places of `parts` that belong to the group.
template <typename Part>
void take_layers(const std::vector<Part>& parts, const std::vector<Part>& others,
                 const LayerGroup& group) {
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (has_layer(group, parts[i].name)) *parts[i].layer = *others[i].layer;
  }
}

}  // namespace

std::vector<LayerGroup> layer_groups(const ModelParts& parts, const Placement& placement) {
  std::vector<LayerGroup> groups;
  for (const EmbeddingPart& part : parts.embeddings) add_to_group(groups, part);
  for (const LinearPart& part : parts.linears) add_to_group(groups, part);
  for (const AttentionPart& part : parts.attentions) add_to_group(groups, part);
  for (LayerGroup& group : groups) {
    group.globs = globs_of(group);
    group.quantizers = std::count_if(
        placement.begin(), placement.end(), [&group](const PlacedQuantizer& quantizer) {
          return quantizer.enabled && has_layer(group, quantizer.id.layer);
        });
  }
  std::erase_if(groups, [](const LayerGroup& group) { return group.quantizers == 0; });
  std::stable_sort(groups.begin(), groups.end(), [](const LayerGroup& a, const LayerGroup& b) {
    return std::pair(a.tower, a.stage) < std::pair(b.tower, b.stage);
  });
  return groups;
}

ClipModel with_layers_of(ClipModel model, ClipModel other, const LayerGroup& group) {
  const ModelParts parts = parts_of(model);
  const ModelParts others = parts_of(other);
  take_layers(parts.embeddings, others.embeddings, group);
  take_layers(parts.linears, others.linears, group);
  take_layers(parts.attentions, others.attentions, group);
  return model;
}

}  // namespace clipq
