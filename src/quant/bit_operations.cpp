#include "clipq/quant/bit_operations.h"

#include <map>

namespace clipq {
namespace {

constexpr double kFloatBits = 32;

double bits_of(const Placement& placement, const std::string& layer, Role role) {
  const PlacedQuantizer* quantizer = find_enabled(placement, {layer, role});
  return quantizer == nullptr ? kFloatBits : format_info(quantizer->spec.format).bits;
}

double operations_of(const LinearPart& part, const Placement& placement) {
  return static_cast<double>(part.rows * part.in_features * part.out_features) *
         bits_of(placement, part.name, Role::kWeight) * bits_of(placement, part.name, Role::kInput);
}

double operations_of(const AttentionPart& part, const Placement& placement) {
  const auto bits = [&](Role role) { return bits_of(placement, part.name, role); };
  const auto product = static_cast<double>(part.rows * (part.pooled ? 1 : part.rows) * part.width);
  return product *
         (bits(Role::kQBmm) * bits(Role::kKBmm) + bits(Role::kSoftmax) * bits(Role::kVBmm));
}

/// By the names of the groups that parts are in.
std::map<std::string, double> operations_by_group(const ModelParts& parts,
                                                  const Placement& placement) {
  std::map<std::string, double> sums;
  for (const LinearPart& part : parts.linears) {
    sums[part.group_name()] += operations_of(part, placement);
  }
  for (const AttentionPart& part : parts.attentions) {
    sums[part.group_name()] += operations_of(part, placement);
  }
  return sums;
}

}  // namespace

std::vector<double> bit_operations(const ModelParts& parts, const Placement& placement,
                                   const std::vector<LayerGroup>& groups) {
  const std::map<std::string, double> sums = operations_by_group(parts, placement);
  std::vector<double> of_groups;
  for (const LayerGroup& group : groups) {
    const auto found = sums.find(group.name);
    of_groups.push_back(found == sums.end() ? 0 : found->second);
  }
  return of_groups;
}

double bit_operations(const ModelParts& parts, const Placement& placement) {
  double sum = 0;
  for (const auto& [group, operations] : operations_by_group(parts, placement)) sum += operations;
  return sum;
}

}  // namespace clipq
