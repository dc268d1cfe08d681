#pragma once

#include <optional>
#include <string>
#include <vector>

#include "clipq/core/json.h"
#include "clipq/model/state_dict.h"
#include "clipq/model/tower.h"
#include "clipq/model/tower_config.h"

namespace clipq {

/// The architecture of a CLIP, or of one of its towers alone: the configs of those that are there,
/// at least one.
struct ClipConfig {
  std::optional<ImageTowerConfig> image;
  std::optional<TextTowerConfig> text;

  bool operator==(const ClipConfig&) const = default;

  bool has(Tower tower) const {
    return tower == Tower::kImage ? image.has_value() : text.has_value();
  }
  /// Those that are there.
  std::vector<Tower> towers() const;
  std::int64_t embed_dim() const { return image ? image->embed_dim : text->embed_dim; }

  /// Of a tower that is there.
  const TowerConfig& tower(Tower tower) const;
  TowerConfig& tower(Tower tower);
};

/// Whether a state dict with canonical names has tensors of an image tower.
bool has_image_tower(const StateDict& state);

/// The architecture as the shapes in a state dict with canonical names tell it (openai/CLIP's
/// build_model rules): of each tower that has a tensor there. Heads are taken to be 64 wide; the
/// other settings are left as they are. Throws InputError if the names aren't those of a CLIP or
/// one of its towers, saying what is missing.
ClipConfig infer_config(const StateDict& state, const std::string& where);

/// Throws InputError that names `where` unless it has a tower, sizes are positive, towers embed in
/// one space, patches fit the image, heads divide the widths and eps is above 0 and below 1.
void validate(const ClipConfig& config, const std::string& where);

Json to_json(const ClipConfig& config);

/// The inverse of to_json, validated. Throws InputError that names `where`.
ClipConfig config_from_json(const Json& json, const std::string& where);

}  // namespace clipq
