#pragma once

#include <ATen/core/Tensor.h>

namespace clipq {

/// Expected calibration error (Guo et al. 2017) with 15 bins of equal width: the mean over the
/// items of |accuracy - mean confidence| of their bin, in [0, 1]. A confidence p belongs to the
/// bin with k/15 < p <= (k+1)/15, edges rounded to float64; p = 0 belongs to the first.
/// @param confidences float64 [items], each in [0, 1]
/// @param correct bool [items]
/// @return NaN without items
/// Throws InputError if a confidence is outside [0, 1] or NaN.
double expected_calibration_error(const at::Tensor& confidences, const at::Tensor& correct);

}  // namespace clipq
