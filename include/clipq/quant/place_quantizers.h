#pragma once

#include "clipq/model/clip_model.h"
#include "clipq/quant/placement.h"
#include "clipq/quant/recipe.h"

namespace clipq {

/// Whether a rule's glob matches a quantizer of that name.
bool matches_name(const std::string& glob, const std::string& quantizer);

/// Applies the recipe's rules to every place of a model. Throws UsageError if a rule matches
/// nothing (with the nearest name), if a quantizer is switched on without a format, if attributes
/// contradict each other, or if an algorithm has nothing to do.
Placement place_quantizers(ClipModel& model, const Recipe& recipe, Component component);

}  // namespace clipq
