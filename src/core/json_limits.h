#pragma once

#include <cstddef>
#include <string_view>

namespace clipq {

/// Deeper than any real document; copying and printing need stack for each level.
inline constexpr int kMostLevels = 200;

/// Whether lists and objects are nested too deeply for us.
bool is_too_deep(std::string_view text);

/// How many values a document has at most.
std::size_t most_values(std::string_view text);

}  // namespace clipq
