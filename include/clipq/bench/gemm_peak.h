#pragma once

#include <string>

namespace clipq {

/// The fastest matrix products of this machine with the threads in use, in 10^9 operations a second
/// (a multiply-add counts two).
struct GemmPeak {
  double int8_gops = 0;
  std::string int8_kernels;  ///< the path that reached it
  double float32_gops = 0;
};

/// Measures both: the best of several runs on operands that stay in cache, INT8 by every path, and
/// float32 by LibTorch's matrix product.
GemmPeak measure_gemm_peak();

}  // namespace clipq
