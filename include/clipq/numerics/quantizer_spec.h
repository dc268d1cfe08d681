#pragma once

#include <string>

#include "clipq/core/json.h"
#include "clipq/numerics/format.h"

namespace clipq {

enum class Scheme {
  kSymmetric,  ///< zero is code 0; codes in [-max, max]
  kAffine      ///< int8 only: uint8 codes in [0, 2^bits - 1] with a zero point
};

enum class Granularity {
  kTensor,   ///< one scale for the whole tensor
  kChannel,  ///< one scale per row of a weight [out, in] (an output channel, a vocabulary entry)
  kToken     ///< one scale per row of an activation [..., features]
};

enum class RangeKind {
  kStatic,  ///< the range was found once: from the weight, or by calibration
  kDynamic  ///< the range is taken from each input at run time
};

/// How one tensor is quantized. A value; what it leads to for a given range is a `Scales`.
struct QuantizerSpec {
  Format format = Format::kInt8;
  int bits = 8;  ///< 8, or 7 for int8
  Scheme scheme = Scheme::kSymmetric;
  Granularity granularity = Granularity::kTensor;
  RangeKind range = RangeKind::kStatic;
  std::string observer;  ///< of a static activation: which observer calibrates it; empty: recipe's

  bool operator==(const QuantizerSpec&) const = default;

  /// The largest code: 2^(bits-1) - 1 for symmetric integers, 2^bits - 1 for affine ones, the
  /// format's largest value for float8.
  double max_code() const;

  /// Storage type of the codes.
  c10::ScalarType code_dtype() const;

  /// A short description in Model Optimizer's manner: "(4, 3) bit per-tensor", "8 bit affine
  /// per-token".
  std::string describe() const;
};

const char* name_of(Scheme scheme);
const char* name_of(Granularity granularity);
const char* name_of(RangeKind range);

/// The value of that name. Each throws UsageError with the valid names; `where` says where it
/// stood.
Scheme parse_scheme(const std::string& name, const std::string& where);
Granularity parse_granularity(const std::string& name, const std::string& where);
RangeKind parse_range(const std::string& name, const std::string& where);

Json to_json(const QuantizerSpec& spec);

/// The inverse of to_json. Throws UsageError that names `where`.
QuantizerSpec quantizer_spec_from_json(const Json& json, const std::string& where);

}  // namespace clipq
