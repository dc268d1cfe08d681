#pragma once

#include <ATen/core/Tensor.h>

#include "clipq/numerics/quantizer_spec.h"

namespace clipq {

/// Added to symmetric int4 codes where they are stored: half a byte has no sign.
inline constexpr int kInt4Offset = 8;

/// The smallest and largest value per scale: float32 [] (tensor), [..., 1] (channel, token) or
/// [..., groups] (group).
struct Range {
  at::Tensor min;
  at::Tensor max;
};

/// What codes mean: x = (code - zero_point) * scale; of a twin, negative codes have a scale of
/// their own.
struct Scales {
  at::Tensor scale;           ///< float32, shaped as Range; positive
  at::Tensor zero_point;      ///< affine: float32 whole numbers of scale's shape; else undefined
  at::Tensor negative_scale;  ///< twin: float32 of scale's shape; else undefined
};

/// A tensor in its quantized storage.
struct QuantizedTensor {
  QuantizerSpec spec;
  at::Tensor codes;      ///< int8, uint8, float8 or float16; int4: uint8 [..., (columns + 1) / 2],
                         ///< the earlier code in the low half, symmetric codes plus 8
  std::int64_t columns;  ///< values a row
  Scales scales;
};

/// The range of `x` (float32): over everything, or over the last dimension for channel and token.
Range range_of(const at::Tensor& x, Granularity granularity);

/// The range of `x` (float32) for each scale that the spec asks for.
Range range_of(const at::Tensor& x, const QuantizerSpec& spec);

/// The sum of the elements (float32, x's shape) that share each scale, shaped as Range.
at::Tensor sum_per_scale(const at::Tensor& x, const QuantizerSpec& spec);

/// Scales for a range.
/// Symmetric: scale = max(|min|, |max|) / max_code. Affine: min <= 0 <= max is forced,
/// scale = (max - min) / max_code, zero_point = clamp(round(-min / scale), 0, max_code). Twin: each
/// side's magnitude / max_code. Float16 scales are rounded to nearest.
/// Scales are at least the smallest normal float32 (float16: the smallest above zero), so that an
/// all-zero tensor stays all-zero. A format without scales has the scale 1.
Scales scales_for(const QuantizerSpec& spec, const Range& range);

/// The scales of a tensor of that shape [rows, columns], one for each element.
Scales column_scales(const Scales& scales, const QuantizerSpec& spec, at::IntArrayRef shape);

/// `x` (float32, rows of any leading shape) in quantized storage: x / scale rounded half to even
/// (floats: to the nearest code, half to even), clamped before the cast.
QuantizedTensor quantize(const at::Tensor& x, const QuantizerSpec& spec, const Scales& scales);

/// The float32 values that codes stand for.
at::Tensor dequantize(const QuantizedTensor& tensor);

/// dequantize(quantize(x)) in float32: the reference numerics of every format.
at::Tensor simulate(const at::Tensor& x, const QuantizerSpec& spec, const Scales& scales);

}  // namespace clipq
