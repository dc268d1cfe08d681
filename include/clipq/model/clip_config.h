#pragma once

#include <string>

#include "clipq/core/json.h"
#include "clipq/model/state_dict.h"
#include "clipq/model/tower.h"
#include "clipq/model/tower_config.h"

namespace clipq {

/// The architecture of a CLIP: the configs of its towers.
struct ClipConfig {
  ImageTowerConfig image;
  TextTowerConfig text;

  bool operator==(const ClipConfig&) const = default;

  std::int64_t embed_dim() const { return image.embed_dim; }
  const TowerConfig& tower(Tower tower) const;
  TowerConfig& tower(Tower tower);
};

/// The architecture as the shapes in a state dict with canonical names tell it (openai/CLIP's
/// build_model rules). Heads are taken to be 64 wide; the other settings are left as they are.
/// Throws InputError if the names aren't those of a ViT CLIP, saying what is missing.
ClipConfig infer_config(const StateDict& state, const std::string& where);

/// Throws InputError that names `where` unless sizes are positive, both towers embed in one space,
/// patches fit the image, heads divide the widths and eps is above 0 and below 1.
void validate(const ClipConfig& config, const std::string& where);

Json to_json(const ClipConfig& config);

/// The inverse of to_json, validated. Throws InputError that names `where`.
ClipConfig config_from_json(const Json& json, const std::string& where);

}  // namespace clipq
