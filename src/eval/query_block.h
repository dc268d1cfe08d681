#pragma once

#include <cstdint>

namespace clipq {

/// Queries whose similarities to all candidates are held at a time.
inline constexpr std::int64_t kQueryBlock = 512;

/// Cosines this close are equal. It is far more than what the order of a float64 sum changes, and
/// far less than what float32 embeddings are good for.
inline constexpr double kCosineTie = 1e-12;

}  // namespace clipq
