#pragma once

#include <string>

#include "clipq/core/json.h"
#include "clipq/numerics/format.h"

namespace clipq {

enum class Scheme {
  kSymmetric,  ///< zero is code 0; codes in [-max, max]
  kAffine,     ///< integers only: unsigned codes in [0, 2^bits - 1] with a zero point
  kTwin        ///< int8 activations only: codes in [-max, max] with one scale for negative values
               ///< and another for positive ones, for what is lopsided as GELU's output (PTQ4ViT's
               ///< twin uniform quantization)
};

enum class Granularity {
  kTensor,   ///< one scale for the whole tensor
  kChannel,  ///< one scale per row of a weight [out, in] (an output channel, a vocabulary entry)
  kToken,    ///< one scale per row of an activation [..., features]
  kGroup     ///< one scale per `group_size` consecutive values of a row; the last group may be
             ///< shorter
};

enum class RangeKind {
  kStatic,  ///< the range was found once: from the weight, or by calibration
  kDynamic  ///< the range is taken from each input at run time
};

/// The precision that scales are rounded to and stored in.
enum class ScaleDtype { kFloat32, kFloat16 };

/// How one tensor is quantized. A value; what it leads to for a given range is a `Scales`.
struct QuantizerSpec {
  Format format = Format::kInt8;
  int bits = 8;  ///< of an integer format: from 2 to the format's own
  Scheme scheme = Scheme::kSymmetric;
  Granularity granularity = Granularity::kTensor;
  int group_size = 0;  ///< of Granularity::kGroup: values a scale
  ScaleDtype scale_dtype = ScaleDtype::kFloat32;
  RangeKind range = RangeKind::kStatic;
  std::string observer;  ///< of a static activation: which observer calibrates it

  bool operator==(const QuantizerSpec&) const = default;

  bool is_affine() const { return scheme == Scheme::kAffine; }

  /// The largest code: 2^(bits-1) - 1 for signed integers, 2^bits - 1 for affine ones, the format's
  /// largest value for floats.
  double max_code() const;

  /// Storage type of the codes.
  c10::ScalarType code_dtype() const;

  /// Storage type of the scales.
  c10::ScalarType scale_storage() const;

  /// Groups in a row of that many values, and values in the first of them (Granularity::kGroup).
  std::int64_t groups_in(std::int64_t columns) const;
  std::int64_t group_width(std::int64_t columns) const;

  /// A short description in Model Optimizer's manner: "(4, 3) bit per-tensor", "8 bit affine
  /// per-token", "4 bit per-group:64".
  std::string describe() const;
};

/// "tensor", "channel", "token" or "group:N".
std::string granularity_text(const QuantizerSpec& spec);

/// Sets granularity and group_size from granularity_text's words. Throws UsageError with the valid
/// ones; `where` says where the text stood.
void set_granularity(QuantizerSpec& spec, const std::string& text, const std::string& where);

const char* name_of(Scheme scheme);
const char* name_of(RangeKind range);
const char* name_of(ScaleDtype dtype);

/// The value of that name. Each throws UsageError with the valid names; `where` says where it
/// stood.
Scheme parse_scheme(const std::string& name, const std::string& where);
RangeKind parse_range(const std::string& name, const std::string& where);
ScaleDtype parse_scale_dtype(const std::string& name, const std::string& where);

Json to_json(const QuantizerSpec& spec);

/// The inverse of to_json. Throws UsageError that names `where`.
QuantizerSpec quantizer_spec_from_json(const Json& json, const std::string& where);

}  // namespace clipq
