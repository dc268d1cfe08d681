#include "onnx_tensor.h"

#include <ATen/ops/constant_pad_nd.h>
#include <ATen/ops/stack.h>

#include <memory>

#include "clipq/core/error.h"
#include "clipq/core/strings.h"

namespace clipq {

OnnxType onnx_type_of(at::ScalarType dtype) {
  switch (dtype) {
    case at::kFloat:
      return OnnxType::kFloat32;
    case at::kHalf:
      return OnnxType::kFloat16;
    case at::kByte:
      return OnnxType::kUint8;
    case at::kChar:
      return OnnxType::kInt8;
    case at::kInt:
      return OnnxType::kInt32;
    case at::kLong:
      return OnnxType::kInt64;
    case at::kBool:
      return OnnxType::kBool;
    case at::kFloat8_e4m3fn:
      return OnnxType::kFp8E4M3;
    case at::kFloat8_e5m2:
      return OnnxType::kFp8E5M2;
    default:
      throw InternalError(cat("ONNX has no type here for ", c10::toString(dtype)));
  }
}

OnnxTensor onnx_tensor(const at::Tensor& tensor) {
  const auto owner = std::make_shared<const at::Tensor>(tensor.contiguous());
  return {onnx_type_of(tensor.scalar_type()),
          tensor.sizes().vec(),
          {static_cast<const char*>(owner->const_data_ptr()), owner->nbytes()},
          owner};
}

OnnxTensor onnx_tensor_of_4_bits(const at::Tensor& codes, OnnxType type) {
  at::Tensor flat = codes.flatten().to(at::kByte).bitwise_and(15);
  if (flat.numel() % 2 != 0) flat = at::constant_pad_nd(flat, {0, 1});
  const at::Tensor pairs = flat.view({-1, 2});
  OnnxTensor out = onnx_tensor(pairs.select(1, 0).add(pairs.select(1, 1).mul(16)));
  out.type = type;
  out.shape = codes.sizes().vec();
  return out;
}

at::Tensor codes_of(const QuantizedTensor& weight) {
  if (!is_packed(weight.spec)) return weight.codes;
  const at::Tensor halves =
      at::stack({weight.codes.bitwise_and(15), weight.codes.div(16, "floor").to(at::kByte)}, -1);
  at::Tensor codes = halves.flatten(-2).narrow(-1, 0, weight.columns);
  if (weight.spec.is_affine()) return codes;
  return codes.to(at::kChar).sub(kInt4Offset);
}

bool is_packed(const QuantizerSpec& spec) { return format_info(spec.format).codes_per_byte > 1; }

}  // namespace clipq
