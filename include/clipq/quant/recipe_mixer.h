#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "clipq/quant/layer_format.h"
#include "clipq/quant/layer_groups.h"

namespace clipq {

/// An index into the formats, for each group.
using FormatChoices = std::vector<std::size_t>;

/// Recipes for one model in which each group of layers has a format of its own. All of them have
/// the algorithms of all formats, so that what is measured of a format in one recipe holds in
/// others.
class RecipeMixer {
 public:
  /// @param formats with different names
  /// @param samples to calibrate on; 0: the most that one of the formats' recipes asks for
  /// Throws UsageError if two formats have the same algorithm with different options, if no format
  /// quantizes anything, and as place_quantizers() does.
  RecipeMixer(ClipModel& model, std::vector<LayerFormat> formats, Component component,
              std::int64_t samples);

  const std::vector<LayerFormat>& formats() const { return formats_; }

  /// Those in which any of the formats quantizes something.
  const std::vector<LayerGroup>& groups() const { return groups_; }

  /// Takes only those groups; all others stay float.
  void keep(std::vector<LayerGroup> groups) { groups_ = std::move(groups); }

  /// What each quantizer is by these choices. The specs of those that are off mean nothing.
  Placement placement(const FormatChoices& choices) const;

  /// The recipe of that name, as its file has it: place_quantizers() makes placement(choices) of
  /// it.
  Json recipe(const std::string& name, const FormatChoices& choices) const;

 private:
  Json rules(const FormatChoices& choices) const;

  std::vector<LayerFormat> formats_;
  std::vector<Placement> placements_;  ///< of each format
  std::vector<LayerGroup> groups_;
  std::int64_t samples_;
};

}  // namespace clipq
