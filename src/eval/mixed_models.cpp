#include "mixed_models.h"

#include "clipq/core/strings.h"

namespace clipq {

std::string one_only_name(const LayerGroup& group) { return cat("one-only-", group.name); }

std::string leave_one_out_name(const LayerGroup& group) {
  return cat("leave-one-out-", group.name);
}

std::map<Tower, std::vector<MixedModel>> mixed_models(const QuantizedPair& models,
                                                      const std::vector<LayerGroup>& groups,
                                                      bool leaves_one_out) {
  const ClipModel& floating = models.transformed;
  const ClipModel& quantized = models.quantized.model;
  std::map<Tower, std::vector<MixedModel>> mixed;
  for (const Tower tower : floating.towers()) {
    const std::int64_t end = floating.tower(tower).stages();
    mixed[tower] = {{kFloat, floating, end, kFloat}, {kQuantized, quantized, end, kQuantized}};
  }
  for (const LayerGroup& group : groups) {
    std::vector<MixedModel>& of_tower = mixed[group.tower];
    of_tower.push_back(
        {one_only_name(group), with_layers_of(floating, quantized, group), group.stage, kFloat});
    if (!leaves_one_out) continue;
    of_tower.push_back({leave_one_out_name(group), with_layers_of(quantized, floating, group),
                        group.stage, kQuantized});
  }
  return mixed;
}

}  // namespace clipq
