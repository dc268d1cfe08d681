#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "clipq/kernels/row_kernels.h"
#include "clipq/numerics/activation_quantizer.h"

namespace clipq {

/// How floats become the values of codes, still without their scale: of an integer format the whole
/// numbers code - zero point, of FP8 the rounded floats.
struct ValueRule {
  CodeRule codes;           ///< the scale, or how a row's is found, and the ends
  float smallest_step = 1;  ///< between two values
  /// Of a float format: between two values, as a share of the power of 2 that they begin with.
  float relative_step = 0;
};

/// Why there is no rule for a quantizer's codes, in words; empty if there is one.
std::string why_no_rule(const QuantizerSpec& spec);

/// The rules of a quantizer of INT8. Of a range over all rows that is taken at run time, rules have
/// no scale.
CodeRule code_rule(const ActivationQuantizer& input);

/// The rule of any quantizer that why_no_rule() has nothing against.
ValueRule value_rule(const ActivationQuantizer& input);

/// A rule with a scale and zero point of its own.
CodeRule with_scale(const CodeRule& rule, const RowScale& scale);

/// What the codes of x [count] mean if they have one range; absent if there are no values.
std::optional<RowScale> scale_of_all(const CodeRule& rule, const float* x, std::int64_t count);

/// What codes mean under a rule without a range per row.
RowScale fixed_scale(const ValueRule& rule);

/// The values of a row x [width], and what they are multiples of. Values that aren't finite give
/// what the reference numerics give in their place; where the row's own range is wanted, the scale
/// NaN.
RowScale quantize_values(const float* x, std::int64_t width, const ValueRule& rule, float* values);

/// The same as bfloat16, which holds values of FP8 and whole numbers up to 256 exactly.
RowScale quantize_to_bfloat16(const float* x, std::int64_t width, const ValueRule& rule,
                              std::uint16_t* values);

}  // namespace clipq
