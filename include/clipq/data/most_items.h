#pragma once

#include <cstdint>

namespace clipq {

/// Beyond this, a number of items is a slip, and what it asks for would end in a lack of memory.
inline constexpr std::int64_t kMostItems = 1'000'000'000;

}  // namespace clipq
