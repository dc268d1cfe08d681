#pragma once

#include <string>
#include <vector>

#include "clipq/model/tower.h"
#include "clipq/numerics/quantizer_spec.h"
#include "clipq/quant/quantizer_id.h"

namespace clipq {

/// A place where a model can have a quantizer, and what a recipe puts there.
struct PlacedQuantizer {
  QuantizerId id;
  Tower tower = Tower::kImage;
  bool enabled = false;
  QuantizerSpec spec = {};

  std::string name() const { return id.name(); }
  bool is_weight() const { return id.role == Role::kWeight; }
  /// Whether its range must be found by calibration.
  bool needs_calibration() const;
};

/// All places of a model in the order of its data flow, with a recipe applied to a component.
using Placement = std::vector<PlacedQuantizer>;

/// Why the attributes of an enabled quantizer can't stand together; empty if they can.
std::string contradiction(const PlacedQuantizer& quantizer);

/// The quantizer, or nullptr if it is off or the model has none there.
const PlacedQuantizer* find_enabled(const Placement& placement, const QuantizerId& id);

}  // namespace clipq
