#pragma once

#include <array>
#include <string>
#include <vector>

#include "clipq/model/layer_slots.h"
#include "clipq/quant/recipe.h"

namespace clipq {

/// What a quantizer stands at; its name ends with it.
enum class Role { kWeight, kInput, kQBmm, kKBmm, kSoftmax, kVBmm, kBmm2Output };

/// All roles; those around attention, in the order of its data flow.
inline constexpr std::array kRoles = {Role::kWeight,  Role::kInput, Role::kQBmm,      Role::kKBmm,
                                      Role::kSoftmax, Role::kVBmm,  Role::kBmm2Output};
inline constexpr std::array kAttentionRoles = {Role::kQBmm, Role::kKBmm, Role::kSoftmax,
                                               Role::kVBmm, Role::kBmm2Output};

/// "weight_quantizer", "q_bmm_quantizer", ….
const char* name_of(Role role);

/// Which towers a recipe is applied to.
enum class Component { kImage, kText, kBoth };

const char* name_of(Component component);
/// Throws UsageError with the valid names.
Component parse_component(const std::string& name);
bool includes(Component component, Tower tower);

/// A place where a model can have a quantizer, and what a recipe puts there.
struct PlacedQuantizer {
  std::string module;  ///< canonical path of the layer
  Role role;
  Tower tower;
  bool enabled = false;
  QuantizerSpec spec;

  std::string name() const { return module + "." + name_of(role); }
  bool is_weight() const { return role == Role::kWeight; }
  /// Whether its range must be found by calibration.
  bool needs_calibration() const;
};

/// All places of a model in the order of its data flow, with a recipe applied to a component.
using Placement = std::vector<PlacedQuantizer>;

/// Why the attributes of an enabled quantizer can't stand together; empty if they can.
std::string contradiction(const PlacedQuantizer& quantizer);

/// Applies the recipe's rules to every place. Throws UsageError if a rule matches nothing (with the
/// nearest name), if a quantizer is switched on without a format, or if attributes contradict each
/// other.
Placement place_quantizers(ClipModel& model, const Recipe& recipe, Component component);

/// The quantizer of a layer in a role, or nullptr if it is off or the layer has none.
const PlacedQuantizer* find_enabled(const Placement& placement, const std::string& module,
                                    Role role);

}  // namespace clipq
