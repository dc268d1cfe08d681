#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

namespace clipq {

/// The candidate of the largest cosine for each query, computed in float64. Of cosines that are
/// equal to within 1e-12, as those of texts that are the same, the one with the lowest index wins.
/// Beside the embeddings, memory is needed for a block of cosines.
/// @param queries float32 [queries, width], not necessarily normalized
/// @param candidates float32 [candidates, width]
std::vector<std::int64_t> nearest(const at::Tensor& queries, const at::Tensor& candidates);

}  // namespace clipq
