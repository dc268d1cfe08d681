#pragma once

#include <cstdint>

namespace clipq {

/// Two ids of a byte-pair model as the key of a hash table.
constexpr std::uint64_t pair_key(std::int32_t left, std::int32_t right) {
  return static_cast<std::uint64_t>(left) << 32U | static_cast<std::uint32_t>(right);
}

}  // namespace clipq
