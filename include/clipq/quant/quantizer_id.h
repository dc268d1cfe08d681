#pragma once

#include <array>
#include <compare>
#include <optional>
#include <string>

namespace clipq {

/// What a quantizer is for; its name ends with it.
enum class Role { kWeight, kInput, kQBmm, kKBmm, kSoftmax, kVBmm, kBmm2Output };

/// All roles; those around attention, in the order of its data flow.
inline constexpr std::array kRoles = {Role::kWeight,  Role::kInput, Role::kQBmm,      Role::kKBmm,
                                      Role::kSoftmax, Role::kVBmm,  Role::kBmm2Output};
inline constexpr std::array kAttentionRoles = {Role::kQBmm, Role::kKBmm, Role::kSoftmax,
                                               Role::kVBmm, Role::kBmm2Output};

/// "weight_quantizer", "q_bmm_quantizer", ….
const char* name_of(Role role);

/// Which quantizer of a model.
struct QuantizerId {
  std::string layer;  ///< canonical path
  Role role = Role::kWeight;

  auto operator<=>(const QuantizerId&) const = default;

  /// What people and recipes call it: layer and role with a dot between them.
  std::string name() const;
};

/// The inverse of QuantizerId::name(); nothing if it is no quantizer's name.
std::optional<QuantizerId> parse_quantizer_id(const std::string& name);

}  // namespace clipq
