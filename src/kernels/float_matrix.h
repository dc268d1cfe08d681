#pragma once

#include <memory>

#include "bfloat16_kernel.h"
#include "clipq/kernels/float_path.h"

namespace clipq {

inline bool is_fp8(const QuantizerSpec& spec) {
  return spec.format == Format::kFp8E4M3 || spec.format == Format::kFp8E5M2;
}

/// A depth rounded up to whole steps of Bfloat16Kernel.
constexpr std::int64_t whole_steps(std::int64_t depth) {
  constexpr std::int64_t kStep = Bfloat16Kernel::kDepth;
  return (depth + kStep - 1) / kStep * kStep;
}

/// A weight that is dequantized to float32.
std::unique_ptr<FloatMatrix> pack_float32(const QuantizedTensor& weight);

/// A weight that is dequantized to bfloat16, in two parts unless one holds what its codes stand
/// for.
/// @param has_lower_inputs whether rows hold the inputs' lower parts behind the upper ones
std::unique_ptr<FloatMatrix> pack_bfloat16(const QuantizedTensor& weight,
                                           const Bfloat16Kernel& kernel, bool has_lower_inputs);

}  // namespace clipq
