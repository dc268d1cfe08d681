#include "clipq/model/parts.h"

#include <algorithm>

#include "clipq/core/strings.h"

namespace clipq {

PartPlace PartPlace::of(const std::string& part) const {
  PartPlace place = *this;
  place.name = name.empty() ? part : cat(name, ".", part);
  return place;
}

void add_parts(ModelParts& parts, const PartPlace& place, LayerNorm& norm, std::int64_t width) {
  parts.tensors.push_back({place.of("weight"), &norm.weight, {width}, TensorUse::kNorm});
  parts.tensors.push_back({place.of("bias"), &norm.bias, {width}, TensorUse::kNorm});
}

Tower tower_of(const std::string& name) {
  return name.starts_with("visual.") ? Tower::kImage : Tower::kText;
}

std::vector<std::string> top_level_names(const ModelParts& parts, Tower tower) {
  std::vector<std::string> names;
  const auto add = [&](const auto& places) {
    for (const PartPlace& place : places) {
      const std::string first = place.name.substr(0, place.name.find('.'));
      if (place.tower == tower && std::find(names.begin(), names.end(), first) == names.end()) {
        names.push_back(first);
      }
    }
  };
  add(parts.embeddings);
  add(parts.linears);
  add(parts.tensors);
  return names;
}

}  // namespace clipq
