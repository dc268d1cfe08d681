#pragma once

namespace clipq {

/// The two halves of a CLIP.
enum class Tower { kVisual, kText };

/// As messages call it: "visual" or "text".
inline const char* name_of(Tower tower) { return tower == Tower::kVisual ? "visual" : "text"; }

}  // namespace clipq
