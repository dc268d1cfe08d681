#pragma once

#include <ATen/core/Tensor.h>

namespace clipq {

/// Layer normalization over the last dimension, eps 1e-5, in float32.
struct LayerNorm {
  at::Tensor weight;  ///< [width]
  at::Tensor bias;    ///< [width]

  at::Tensor forward(const at::Tensor& x) const;
};

}  // namespace clipq
