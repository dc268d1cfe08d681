#pragma once

#include <memory>

#include "bfloat16_kernel.h"
#include "clipq/kernels/float_path.h"

namespace clipq {

/// A weight that is dequantized to float32.
std::unique_ptr<FloatMatrix> pack_float32(const QuantizedTensor& weight);

/// A weight that is dequantized to bfloat16, in two parts unless one holds what its codes stand
/// for.
/// @param has_lower_inputs whether rows hold the inputs' lower parts behind the upper ones
std::unique_ptr<FloatMatrix> pack_bfloat16(const QuantizedTensor& weight,
                                           const Bfloat16Kernel& kernel, bool has_lower_inputs);

}  // namespace clipq
