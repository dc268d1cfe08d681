#pragma once

#include <ATen/core/Tensor.h>

#include <string>

#include "clipq/numerics/quantize.h"
#include "clipq/onnx_graph/onnx_graph.h"

namespace clipq {

/// The type of a tensor's elements. Throws InternalError if ONNX has none for it here.
OnnxType onnx_type_of(at::ScalarType dtype);

/// A tensor as a constant; shares its memory if it is contiguous.
OnnxTensor onnx_tensor(const at::Tensor& tensor);

/// Whole numbers of [rows, columns], two a byte over all of them.
/// @param codes int8 in [-8, 7] for kInt4, uint8 in [0, 15] for kUint4
OnnxTensor onnx_tensor_of_4_bits(const at::Tensor& codes, OnnxType type);

/// A weight's codes one by one, [rows, columns], in their own type: of packed ones int8 if the
/// scheme is symmetric, else uint8.
at::Tensor codes_of(const QuantizedTensor& weight);

/// Whether values are whole numbers of at most 4 bits in storage.
bool is_packed(const QuantizerSpec& spec);

}  // namespace clipq
