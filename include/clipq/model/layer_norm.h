#pragma once

#include <ATen/core/Tensor.h>

namespace clipq {

/// What CLIP adds to the variance unless its configuration says otherwise.
inline constexpr double kLayerNormEps = 1e-5;

/// Layer normalization over the last dimension, in float32.
struct LayerNorm {
  at::Tensor weight;  ///< [width]
  at::Tensor bias;    ///< [width]
  double eps = kLayerNormEps;

  at::Tensor forward(const at::Tensor& x) const;
};

}  // namespace clipq
