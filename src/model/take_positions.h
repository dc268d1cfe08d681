#pragma once

#include <ATen/core/Tensor.h>

namespace clipq {

/// The token at one position per item: [batch, tokens, width] to [batch, 1, width].
/// @param positions int64 [batch]
at::Tensor take_positions(const at::Tensor& x, const at::Tensor& positions);

}  // namespace clipq
