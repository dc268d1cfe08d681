#pragma once

#include <string>

#include "clipq/core/json.h"

namespace clipq {

/// The fastest matrix products of this machine with the threads in use, in 10^9 operations a second
/// (a multiply-add counts two).
struct GemmPeak {
  double int8_gops = 0;
  std::string int8_kernels;  ///< the path that reached it
  double fp8_gops = 0;
  std::string fp8_kernels;  ///< likewise
  double float32_gops = 0;

  /// That of what most linears run on.
  /// @param kernels as NativeModel::describe() gives them; empty: float32
  double of(const std::string& kernels) const;
};

/// Measures all: the best of several runs on operands that stay in cache, INT8 and FP8 by every
/// path, and float32 by LibTorch's matrix product or clipq's, whichever is faster.
GemmPeak measure_gemm_peak();

/// Its members by their names.
Json to_json(const GemmPeak& peak);

}  // namespace clipq
