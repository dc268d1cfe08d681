#pragma once

#include <memory>

#include "bfloat16_kernel.h"
#include "clipq/kernels/float_path.h"

namespace clipq {

/// A weight that is dequantized to float32.
std::unique_ptr<FloatMatrix> pack_float32(const QuantizedTensor& weight);

/// An FP8 weight that is dequantized to bfloat16.
std::unique_ptr<FloatMatrix> pack_bfloat16(const QuantizedTensor& weight,
                                           const Bfloat16Kernel& kernel);

}  // namespace clipq
