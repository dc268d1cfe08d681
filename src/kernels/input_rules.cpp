#include "clipq/kernels/input_rules.h"

#include "clipq/core/strings.h"

namespace clipq {
namespace {

/// FP8's ends, and how fine it is.
ValueRule float_rule(const QuantizerSpec& spec) {
  const auto most = static_cast<float>(spec.max_code());
  ValueRule rule;
  rule.codes.symmetric = true;
  rule.codes.steps = most;
  rule.codes.lowest = -most;
  rule.codes.highest = most;
  const bool is_e4m3 = spec.format == Format::kFp8E4M3;
  rule.relative_step = is_e4m3 ? 0x1p-3F : 0x1p-2F;
  rule.smallest_step = is_e4m3 ? 0x1p-9F : 0x1p-16F;
  return rule;
}

/// Signed codes move up by 2^(bits - 1), so that kernels see unsigned ones.
CodeRule integer_rule(const QuantizerSpec& spec) {
  const auto steps = static_cast<float>(spec.max_code());
  CodeRule rule;
  rule.symmetric = spec.scheme == Scheme::kSymmetric;
  rule.steps = steps;
  rule.lowest = rule.symmetric ? 1 : 0;
  rule.highest = rule.symmetric ? 2 * steps + 1 : steps;
  if (rule.symmetric) rule.zero_point = steps + 1;
  return rule;
}

void set_range(const ActivationQuantizer& input, CodeRule& rule) {
  const QuantizerSpec& spec = input.spec();
  rule.per_row = spec.range == RangeKind::kDynamic && spec.granularity == Granularity::kToken;
  if (spec.range != RangeKind::kStatic) return;
  rule.scale = input.scales().scale.item<float>();
  if (!rule.symmetric) rule.zero_point = input.scales().zero_point.item<float>();
}

}  // namespace

std::string why_no_rule(const QuantizerSpec& spec) {
  const FormatInfo& format = format_info(spec.format);
  if (format.weights_only) return cat("its input is ", format.name);
  if (spec.granularity == Granularity::kGroup) return "its input has a scale a group";
  if (spec.scheme == Scheme::kTwin) return "its input has twin scales";
  if (spec.scale_dtype != ScaleDtype::kFloat32 && spec.range == RangeKind::kDynamic) {
    return "its input's scales are rounded to float16";
  }
  return "";
}

CodeRule code_rule(const ActivationQuantizer& input) {
  CodeRule rule = integer_rule(input.spec());
  set_range(input, rule);
  return rule;
}

ValueRule value_rule(const ActivationQuantizer& input) {
  const QuantizerSpec& spec = input.spec();
  ValueRule rule =
      format_info(spec.format).is_float ? float_rule(spec) : ValueRule{integer_rule(spec)};
  set_range(input, rule.codes);
  return rule;
}

CodeRule with_scale(const CodeRule& rule, const RowScale& scale) {
  CodeRule scaled = rule;
  scaled.per_row = false;
  scaled.scale = scale.scale;
  scaled.zero_point = static_cast<float>(scale.zero_point);
  return scaled;
}

std::optional<RowScale> scale_of_all(const CodeRule& rule, const float* x, std::int64_t count) {
  if (count == 0) return std::nullopt;
  CodeRule per_row = rule;
  per_row.per_row = true;
  return scale_of_row(x, count, per_row);
}

RowScale fixed_scale(const ValueRule& rule) {
  return {rule.codes.scale, static_cast<std::int32_t>(rule.codes.zero_point)};
}

}  // namespace clipq
