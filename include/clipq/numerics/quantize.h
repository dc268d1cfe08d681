#pragma once

#include <ATen/core/Tensor.h>

#include "clipq/numerics/quantizer_spec.h"

namespace clipq {

/// The smallest and largest value per scale: float32 [] (tensor) or [..., 1] (channel, token).
struct Range {
  at::Tensor min;
  at::Tensor max;
};

/// What codes mean: x = (code - zero_point) * scale.
struct Scales {
  at::Tensor scale;       ///< float32, [] or [..., 1]; positive
  at::Tensor zero_point;  ///< float32 whole numbers of scale's shape; undefined if symmetric
};

/// A tensor in its quantized storage.
struct QuantizedTensor {
  QuantizerSpec spec;
  at::Tensor codes;  ///< int8, uint8, float8_e4m3fn or float8_e5m2
  Scales scales;
};

/// The range of `x` (float32): over everything, or over the last dimension for channel and token.
Range range_of(const at::Tensor& x, Granularity granularity);

/// Scales for a range.
/// Symmetric: scale = max(|min|, |max|) / max_code. Affine: min <= 0 <= max is forced,
/// scale = (max - min) / max_code, zero_point = clamp(round(-min / scale), 0, max_code).
/// Scales are at least 2^-126, so that an all-zero tensor stays all-zero.
Scales scales_for(const QuantizerSpec& spec, const Range& range);

/// Codes of `x`: x / scale rounded half to even (float8: to the nearest float8, half to even),
/// clamped before the cast.
at::Tensor quantize(const at::Tensor& x, const QuantizerSpec& spec, const Scales& scales);

/// The float32 values that codes stand for.
at::Tensor dequantize(const QuantizedTensor& tensor);

/// dequantize(quantize(x)) in float32: the reference numerics of every format.
at::Tensor simulate(const at::Tensor& x, const QuantizerSpec& spec, const Scales& scales);

/// A weight [out, in] quantized over its own range.
QuantizedTensor quantize_weight(const at::Tensor& weight, const QuantizerSpec& spec);

}  // namespace clipq
