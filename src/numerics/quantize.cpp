#include "clipq/numerics/quantize.h"

#include <ATen/ops/amax.h>
#include <ATen/ops/amin.h>
#include <ATen/ops/maximum.h>
#include <limits>

namespace clipq {
namespace {

constexpr float kSmallestScale = std::numeric_limits<float>::min();

/// x on the grid of codes, still float32 (float8 formats: still unrounded).
at::Tensor scaled_and_clamped(const at::Tensor& x, const QuantizerSpec& spec,
                              const Scales& scales) {
  at::Tensor y = x.div(scales.scale);
  const double max_code = spec.max_code();
  if (!format_info(spec.format).is_float) y.round_();
  if (spec.scheme == Scheme::kAffine) return y.add_(scales.zero_point).clamp_(0, max_code);
  return y.clamp_(-max_code, max_code);
}

}  // namespace

Range range_of(const at::Tensor& x, Granularity granularity) {
  if (granularity == Granularity::kTensor) return {at::amin(x), at::amax(x)};
  return {at::amin(x, {-1}, /*keepdim=*/true), at::amax(x, {-1}, /*keepdim=*/true)};
}

Scales scales_for(const QuantizerSpec& spec, const Range& range) {
  const double max_code = spec.max_code();
  if (spec.scheme == Scheme::kSymmetric) {
    const at::Tensor amax = at::maximum(range.min.neg(), range.max);
    return {amax.div(max_code).clamp_min_(kSmallestScale), {}};
  }
  const at::Tensor low = range.min.clamp_max(0);
  const at::Tensor high = range.max.clamp_min(0);
  const at::Tensor scale = high.sub(low).div_(max_code).clamp_min_(kSmallestScale);
  return {scale, low.neg().div_(scale).round_().clamp_(0, max_code)};
}

at::Tensor quantize(const at::Tensor& x, const QuantizerSpec& spec, const Scales& scales) {
  return scaled_and_clamped(x, spec, scales).to(spec.code_dtype());
}

at::Tensor dequantize(const QuantizedTensor& tensor) {
  at::Tensor x = tensor.codes.to(at::kFloat);
  if (tensor.scales.zero_point.defined()) x.sub_(tensor.scales.zero_point);
  return x.mul_(tensor.scales.scale);
}

at::Tensor simulate(const at::Tensor& x, const QuantizerSpec& spec, const Scales& scales) {
  at::Tensor y = scaled_and_clamped(x, spec, scales);
  if (format_info(spec.format).is_float) y = y.to(spec.code_dtype()).to(at::kFloat);
  if (spec.scheme == Scheme::kAffine) y.sub_(scales.zero_point);
  return y.mul_(scales.scale);
}

QuantizedTensor quantize_weight(const at::Tensor& weight, const QuantizerSpec& spec) {
  const Scales scales = scales_for(spec, range_of(weight, spec.granularity));
  return {spec, quantize(weight, spec, scales), scales};
}

}  // namespace clipq
