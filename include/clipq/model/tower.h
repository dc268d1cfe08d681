#pragma once

#include <array>
#include <string>

namespace clipq {

/// The two halves of a CLIP.
enum class Tower { kImage, kText };

inline constexpr std::array kTowers = {Tower::kImage, Tower::kText};

/// "image" or "text".
const char* name_of(Tower tower);

/// One tower or both: what a command is applied to.
enum class Component { kImage, kText, kBoth };

/// "image", "text" or "both".
const char* name_of(Component component);

/// Throws UsageError with the valid names.
Component parse_component(const std::string& name);

bool includes(Component component, Tower tower);

}  // namespace clipq
