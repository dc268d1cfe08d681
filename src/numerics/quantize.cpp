#include "clipq/numerics/quantize.h"

#include <ATen/ops/amax.h>
#include <ATen/ops/amin.h>
#include <ATen/ops/constant_pad_nd.h>
#include <ATen/ops/maximum.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/where.h>

#include <limits>
#include <utility>

#include "clipq/core/error.h"

namespace clipq {
namespace {

constexpr float kSmallestScale = std::numeric_limits<float>::min();
constexpr double kSmallestHalf = 0x1p-24;
constexpr double kLargestHalf = 65504;

/// `amount` on the scales' grid: positive, and rounded to their precision.
at::Tensor as_scale(const at::Tensor& amount, const QuantizerSpec& spec) {
  if (spec.scale_dtype == ScaleDtype::kFloat32) return amount.clamp_min(kSmallestScale);
  return amount.clamp(kSmallestHalf, kLargestHalf).to(at::kHalf).to(at::kFloat);
}

/// One value per scale, made to broadcast over rows of that many columns.
at::Tensor per_column(const at::Tensor& value, const QuantizerSpec& spec, std::int64_t columns) {
  if (spec.granularity != Granularity::kGroup) return value;
  std::vector<std::int64_t> shape = value.sizes().vec();
  shape.push_back(spec.group_width(columns));
  return value.unsqueeze(-1).expand(shape).flatten(-2).narrow(-1, 0, columns);
}

/// [..., columns] as [..., groups, group size]. Zeros fill the last group up: they change no sum,
/// and no scale since ranges include zero.
at::Tensor in_groups(const at::Tensor& x, const QuantizerSpec& spec) {
  const std::int64_t groups = spec.groups_in(x.size(-1));
  const std::int64_t width = spec.group_width(x.size(-1));
  return at::constant_pad_nd(x, {0, groups * width - x.size(-1)}).unflatten(-1, {groups, width});
}

/// The scale of every element: of a twin it depends on the element's sign.
at::Tensor scale_of(const at::Tensor& x, const QuantizerSpec& spec, const Scales& scales) {
  const at::Tensor scale = per_column(scales.scale, spec, x.size(-1));
  if (spec.scheme != Scheme::kTwin) return scale;
  return at::where(x.lt(0), per_column(scales.negative_scale, spec, x.size(-1)), scale);
}

/// x on the grid of codes, still float32 (float formats: still unrounded).
at::Tensor scaled_and_clamped(const at::Tensor& x, const QuantizerSpec& spec,
                              const Scales& scales) {
  at::Tensor y = x.div(scale_of(x, spec, scales));
  const double max_code = spec.max_code();
  if (!format_info(spec.format).is_float) y.round_();
  if (spec.is_affine()) {
    return y.add_(per_column(scales.zero_point, spec, x.size(-1))).clamp_(0, max_code);
  }
  return y.clamp_(-max_code, max_code);
}

/// The values of codes on their grid; uses up `codes` (float32).
at::Tensor values_of(at::Tensor codes, const QuantizerSpec& spec, const Scales& scales) {
  if (spec.is_affine()) {
    codes.sub_(per_column(scales.zero_point, spec, codes.size(-1)));
  }
  return codes.mul_(scale_of(codes, spec, scales));
}

at::Tensor pack_int4(const at::Tensor& codes) {
  const at::Tensor even = at::constant_pad_nd(codes, {0, codes.size(-1) % 2});
  const at::Tensor pairs = even.unflatten(-1, {even.size(-1) / 2, 2});
  return pairs.select(-1, 0).bitwise_or(pairs.select(-1, 1).mul(16));
}

at::Tensor unpack_int4(const at::Tensor& packed, std::int64_t columns) {
  return at::stack({packed.bitwise_and(15), packed.bitwise_right_shift(4)}, -1)
      .flatten(-2)
      .narrow(-1, 0, columns);
}

}  // namespace

Range range_of(const at::Tensor& x, Granularity granularity) {
  if (granularity == Granularity::kTensor) return {at::amin(x), at::amax(x)};
  return {at::amin(x, {-1}, /*keepdim=*/true), at::amax(x, {-1}, /*keepdim=*/true)};
}

Range range_of(const at::Tensor& x, const QuantizerSpec& spec) {
  if (spec.granularity != Granularity::kGroup) return range_of(x, spec.granularity);
  const at::Tensor grouped = in_groups(x, spec);
  return {at::amin(grouped, {-1}), at::amax(grouped, {-1})};
}

at::Tensor sum_per_scale(const at::Tensor& x, const QuantizerSpec& spec) {
  switch (spec.granularity) {
    case Granularity::kTensor:
      return x.sum();
    case Granularity::kChannel:
    case Granularity::kToken:
      return x.sum({-1}, /*keepdim=*/true);
    case Granularity::kGroup:
      return in_groups(x, spec).sum({-1});
  }
  throw InternalError("a granularity without a sum");
}

Scales scales_for(const QuantizerSpec& spec, const Range& range) {
  if (!format_info(spec.format).scaled) return {at::ones({}), {}, {}};
  const double max_code = spec.max_code();
  if (spec.scheme == Scheme::kSymmetric) {
    const at::Tensor amax = at::maximum(range.min.neg(), range.max);
    return {as_scale(amax.div(max_code), spec), {}, {}};
  }
  const at::Tensor low = range.min.clamp_max(0);
  const at::Tensor high = range.max.clamp_min(0);
  if (spec.scheme == Scheme::kTwin) {
    return {as_scale(high.div(max_code), spec), {}, as_scale(low.neg().div_(max_code), spec)};
  }
  const at::Tensor scale = as_scale(high.sub(low).div_(max_code), spec);
  return {scale, low.neg().div_(scale).round_().clamp_(0, max_code), {}};
}

Scales column_scales(const Scales& scales, const QuantizerSpec& spec, at::IntArrayRef shape) {
  const auto expand = [&](const at::Tensor& value) {
    return value.defined() ? per_column(value, spec, shape[1]).expand(shape) : value;
  };
  return {expand(scales.scale), expand(scales.zero_point), expand(scales.negative_scale)};
}

QuantizedTensor quantize(const at::Tensor& x, const QuantizerSpec& spec, const Scales& scales) {
  at::Tensor codes = scaled_and_clamped(x, spec, scales);
  if (format_info(spec.format).codes_per_byte == 2) {
    if (spec.scheme == Scheme::kSymmetric) codes.add_(kInt4Offset);
    codes = pack_int4(codes.to(at::kByte));
  }
  return {spec, codes.to(spec.code_dtype()), x.size(-1), scales};
}

at::Tensor dequantize(const QuantizedTensor& tensor) {
  const QuantizerSpec& spec = tensor.spec;
  const bool packed = format_info(spec.format).codes_per_byte == 2;
  at::Tensor codes =
      (packed ? unpack_int4(tensor.codes, tensor.columns) : tensor.codes).to(at::kFloat);
  if (packed && spec.scheme == Scheme::kSymmetric) codes.sub_(kInt4Offset);
  return values_of(std::move(codes), spec, tensor.scales);
}

at::Tensor simulate(const at::Tensor& x, const QuantizerSpec& spec, const Scales& scales) {
  at::Tensor y = scaled_and_clamped(x, spec, scales);
  if (format_info(spec.format).is_float) y = y.to(spec.code_dtype()).to(at::kFloat);
  return values_of(std::move(y), spec, scales);
}

}  // namespace clipq
