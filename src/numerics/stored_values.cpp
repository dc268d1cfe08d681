#include "clipq/numerics/stored_values.h"

#include <ATen/ops/aminmax.h>
#include <ATen/ops/isfinite.h>

#include <cmath>
#include <tuple>

#include "clipq/core/strings.h"

namespace clipq {
namespace {

/// How many of the elements fulfil the condition (a bool tensor).
std::int64_t count(const at::Tensor& condition) { return condition.sum().item<std::int64_t>(); }

std::string some(std::int64_t bad, const at::Tensor& of, const char* what) {
  return cat(bad, " of ", of.numel(), what);
}

std::string why_invalid_scale(const at::Tensor& scale, double max_code) {
  const std::int64_t not_positive = count(scale.gt(0).logical_not());  // which NaN is, too
  if (not_positive > 0) return some(not_positive, scale, " scales are zero, negative or NaN");
  const std::int64_t huge = count(at::isfinite(scale.mul(max_code)).logical_not());
  return huge > 0 ? some(huge, scale, " scales make the largest code infinite") : "";
}

/// The exponent of these bits is what NaN and infinities have; fp8_e4m3 has no infinities, and a
/// NaN of all ones.
std::string why_invalid_floats(const QuantizedTensor& tensor) {
  const auto bad_of = [](const at::Tensor& bits, std::int64_t magnitude, std::int64_t first_bad) {
    return count(bits.bitwise_and(magnitude).ge(first_bad));
  };
  std::int64_t bad = 0;
  switch (tensor.spec.format) {
    case Format::kFp8E4M3:
      bad = bad_of(tensor.codes.view(at::kByte), 0x7f, 0x7f);
      break;
    case Format::kFp8E5M2:
      bad = bad_of(tensor.codes.view(at::kByte), 0x7f, 0x7c);
      break;
    default:
      bad = count(at::isfinite(tensor.codes).logical_not());
  }
  return bad > 0 ? some(bad, tensor.codes, " codes are NaN or infinite") : "";
}

struct Codes {
  std::int64_t smallest;
  std::int64_t largest;
};

Codes extremes(const at::Tensor& codes) {
  const auto [smallest, largest] = at::aminmax(codes);
  return {smallest.item<std::int64_t>(), largest.item<std::int64_t>()};
}

/// Of two codes a byte; what fills up a row of an odd length doesn't count.
Codes packed_extremes(const QuantizedTensor& tensor) {
  const Codes low = extremes(tensor.codes.bitwise_and(15));
  if (tensor.columns < 2) return low;
  const Codes high =
      extremes(tensor.codes.narrow(-1, 0, tensor.columns / 2).bitwise_right_shift(4));
  return {std::min(low.smallest, high.smallest), std::max(low.largest, high.largest)};
}

}  // namespace

std::string why_invalid(const QuantizerSpec& spec, const Scales& scales) {
  const double max_code = spec.max_code();
  std::string why = why_invalid_scale(scales.scale, max_code);
  if (why.empty() && scales.negative_scale.defined()) {
    why = why_invalid_scale(scales.negative_scale, max_code);
  }
  if (!why.empty() || !scales.zero_point.defined()) return why;
  const at::Tensor& zero = scales.zero_point;
  const std::int64_t bad = count(
      zero.ge(0).logical_and_(zero.le(max_code)).logical_and_(zero.eq(zero.round())).logical_not());
  if (bad == 0) return "";
  return cat(some(bad, zero, " zero points aren't whole numbers from 0 to "), max_code);
}

std::string why_invalid_codes(const QuantizedTensor& tensor) {
  const QuantizerSpec& spec = tensor.spec;
  if (tensor.codes.numel() == 0) return "";
  if (format_info(spec.format).is_float) return why_invalid_floats(tensor);
  const bool packed = format_info(spec.format).codes_per_byte == 2;
  const bool affine = spec.is_affine();
  const auto largest = static_cast<std::int64_t>(spec.max_code());
  const std::int64_t offset = packed && !affine ? kInt4Offset : 0;
  const Codes found = packed ? packed_extremes(tensor) : extremes(tensor.codes);
  const Codes allowed = {affine ? 0 : -largest, largest};
  if (found.smallest - offset >= allowed.smallest && found.largest - offset <= allowed.largest) {
    return "";
  }
  return cat("its codes reach from ", found.smallest - offset, " to ", found.largest - offset,
             ", but ", spec.bits, " bits from ", allowed.smallest, " to ", allowed.largest);
}

}  // namespace clipq
