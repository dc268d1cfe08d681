#pragma once

#include <string>

#include "clipq/quant/quantized_model.h"

namespace clipq {

/// How much of a tower is quantized.
struct Coverage {
  std::int64_t quantizers_on = 0;
  std::int64_t quantizers = 0;
  std::int64_t parameters_quantized = 0;
  std::int64_t parameters = 0;
  std::int64_t multiply_adds_quantized = 0;  ///< both operands quantized; one image or one text
  std::int64_t multiply_adds_native = 0;     ///< of linears that have native kernels
  std::int64_t multiply_adds = 0;            ///< of all linears and both attention products
};

/// The coverage of one tower. Attention's products count as quantized where both sides are: q and
/// k, softmax and v.
Coverage coverage_of(ClipModel& model, const Quantization& quantization, Tower tower);

/// A line for every quantizer, in Model Optimizer's manner: its name padded to 80 columns, then
/// what it is. Last line: "N quantizers found in model".
std::string quantizer_lines(const Quantization& quantization);

/// Coverage of both towers, a line each.
std::string coverage_lines(ClipModel& model, const Quantization& quantization);

}  // namespace clipq
