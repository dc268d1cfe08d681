#pragma once

#include <string>
#include <vector>

#include "clipq/numerics/quantize.h"
#include "graph_builder.h"

namespace clipq {

/// The values of a weight [out, in] as float32: its codes and a DequantizeLinear, of float16 a
/// Cast.
/// @param transposed whether as [in, out]
std::string weight_values(GraphBuilder& graph, const QuantizedTensor& weight, bool transposed);

/// The same, transposed, of an FP8 weight with one scale or one a channel, by a Cast and a Mul.
/// ONNX Runtime computes them once, when it loads the graph; a DequantizeLinear of FP8 it would
/// compute each time.
std::string cast_values(GraphBuilder& graph, const QuantizedTensor& weight);

/// The values of a convolution's weight as float32 of the shape [out, channels, side, side].
std::string kernel_values(GraphBuilder& graph, const QuantizedTensor& weight,
                          const std::vector<std::int64_t>& shape);

/// A weight as an operand of integer products.
struct IntegerWeight {
  std::string codes;       ///< int8 or uint8 [in, out]
  std::string scale;       ///< [out], or a scalar
  std::string zero_point;  ///< of the codes' type and the scale's shape; empty: symmetric
  at::Tensor sums;         ///< float32 [out], of a column's values
};

/// @param weight one that has_integer_codes()
IntegerWeight integer_weight(GraphBuilder& graph, const QuantizedTensor& weight);

/// Whether the codes can be an operand of an integer product.
bool has_integer_codes(const QuantizedTensor& weight);

/// Whether ONNX Runtime's MatMulNBits takes the weight.
bool fits_mat_mul_n_bits(const QuantizedTensor& weight);

/// x [rows, in] times the weight [out, in] by that operator: [rows, out].
std::string mat_mul_n_bits(GraphBuilder& graph, const std::string& x,
                           const QuantizedTensor& weight);

/// The rows of a table [entries, width] that ids [batch, tokens] name: float32 [batch, tokens,
/// width]. Only those are dequantized.
std::string look_up(GraphBuilder& graph, const QuantizedTensor& table, const std::string& ids);

/// The lowest opset that has the weight's form.
int opset_of(const QuantizerSpec& weight);

}  // namespace clipq
