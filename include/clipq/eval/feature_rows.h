#pragma once

#include <ATen/core/Tensor.h>

#include <cstddef>
#include <cstdint>

namespace clipq {

/// Bytes of features that are kept in memory.
constexpr std::size_t kMostFeatureBytesInMemory = std::size_t{512} << 20;

/// Uninitialized float32 [rows, width]. More than `most_in_memory` bytes lie in a temporary file
/// (TMPDIR) that is mapped, so that they may be larger than memory; in memory, with a warning, if
/// the disk has no room for them.
at::Tensor feature_rows(std::int64_t rows, std::int64_t width,
                        std::size_t most_in_memory = kMostFeatureBytesInMemory);

}  // namespace clipq
