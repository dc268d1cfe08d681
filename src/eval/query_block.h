#pragma once

#include <cstdint>

namespace clipq {

/// Queries whose similarities to all candidates are held at a time.
inline constexpr std::int64_t kQueryBlock = 512;

}  // namespace clipq
