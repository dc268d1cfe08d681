#pragma once

#include <vector>

#include "clipq/quant/layer_groups.h"

namespace clipq {

/// Multiply-adds of one image or one text at full context, each times the bits of both its
/// operands' formats, 32 where an operand is float: of linear layers and attention's products, by
/// group. The measure of mixed-precision search (BOPs, as in HAWQ-V3, arXiv 2011.10680).
std::vector<double> bit_operations(const ModelParts& parts, const Placement& placement,
                                   const std::vector<LayerGroup>& groups);

/// Those of the whole model.
double bit_operations(const ModelParts& parts, const Placement& placement);

}  // namespace clipq
