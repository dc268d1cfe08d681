#pragma once

#include <algorithm>
#include <cstdint>

namespace clipq {

/// Prefetches `bytes` bytes into the second-level cache, but none at or beyond `end`.
inline void prefetch(const std::uint8_t* from, std::int64_t bytes, const std::uint8_t* end) {
  constexpr std::int64_t kLine = 64;
  const std::uint8_t* stop = std::min(from + bytes, end);
  for (; from < stop; from += kLine) __builtin_prefetch(from, 0, 2);
}

}  // namespace clipq
