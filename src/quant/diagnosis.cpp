#include "clipq/quant/diagnosis.h"

#include <ATen/ops/maximum.h>

#include <algorithm>
#include <cmath>

#include "clipq/model/clip_model.h"

namespace clipq {
namespace {

constexpr double kLargestSqnr = 200;

double sqnr_db(const at::Tensor& x, const at::Tensor& quantized) {
  const auto energy = [](const at::Tensor& values) {
    return values.square().sum(at::kDouble).item<double>();
  };
  const double signal = energy(x);
  const double noise = energy(x.sub(quantized));
  if (noise == 0) return kLargestSqnr;
  return std::min(kLargestSqnr, 10 * std::log10(signal / noise));
}

/// The least and greatest value that codes can stand for, for every scale.
Range representable(const QuantizerSpec& spec, const Scales& scales) {
  const double max_code = spec.max_code();
  const at::Tensor high = scales.scale.mul(max_code);
  if (spec.scheme == Scheme::kTwin) return {scales.negative_scale.mul(-max_code), high};
  if (spec.scheme == Scheme::kSymmetric) return {high.neg(), high};
  return {scales.zero_point.neg().mul(scales.scale),
          scales.zero_point.neg().add(max_code).mul(scales.scale)};
}

/// The share of values that lie more than half a step beyond the codes' range.
double clipped_share(const at::Tensor& x, const QuantizerSpec& spec, const Scales& scales) {
  const Range range = representable(spec, scales);
  const at::Tensor slack = scales.scale.mul(format_info(spec.format).is_float ? 0.0 : 0.5);
  const Scales low = {range.min.sub(slack), {}, {}};
  const Scales high = {range.max.add(slack), {}, {}};
  const at::Tensor rows = x.reshape({-1, x.size(-1)});
  const at::Tensor below = rows.lt(column_scales(low, spec, rows.sizes()).scale);
  const at::Tensor above = rows.gt(column_scales(high, spec, rows.sizes()).scale);
  return below.logical_or_(above).mean(at::kDouble).item<double>();
}

}  // namespace

Span span_of(const QuantizerSpec& spec, const Scales& scales) {
  const Range range = representable(spec, scales);
  return {range.min.min().item<double>(), range.max.max().item<double>()};
}

Diagnosis diagnose(const at::Tensor& weight, const QuantizedTensor& quantized) {
  return {clipped_share(weight, quantized.spec, quantized.scales),
          sqnr_db(weight, dequantize(quantized)), std::nullopt};
}

Diagnosis diagnose(const at::Tensor& x, const ActivationQuantizer& quantizer) {
  const bool fixed_range = quantizer.spec().range == RangeKind::kStatic;
  return {fixed_range ? clipped_share(x, quantizer.spec(), quantizer.scales()) : 0.0,
          sqnr_db(x, quantizer.simulate(x)), std::nullopt};
}

double mean_cosine(const at::Tensor& a, const at::Tensor& b) {
  return row_cosines(a, b).mean().item<double>();
}

}  // namespace clipq
