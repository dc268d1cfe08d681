#include "clipq/numerics/quantizer_spec.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <utility>
#include <vector>

#include "clipq/core/error.h"
#include "clipq/core/strings.h"

namespace clipq {
namespace {

template <typename Enum, std::size_t N>
using Names = std::array<std::pair<Enum, const char*>, N>;

constexpr Names<Scheme, 3> kSchemes = {
    {{Scheme::kSymmetric, "symmetric"}, {Scheme::kAffine, "affine"}, {Scheme::kTwin, "twin"}}};
constexpr Names<Granularity, 4> kGranularities = {{{Granularity::kTensor, "tensor"},
                                                   {Granularity::kChannel, "channel"},
                                                   {Granularity::kToken, "token"},
                                                   {Granularity::kGroup, "group"}}};
constexpr Names<RangeKind, 2> kRanges = {
    {{RangeKind::kStatic, "static"}, {RangeKind::kDynamic, "dynamic"}}};
constexpr Names<ScaleDtype, 2> kScaleDtypes = {
    {{ScaleDtype::kFloat32, "float32"}, {ScaleDtype::kFloat16, "float16"}}};

template <typename Enum, std::size_t N>
const char* find_name(const Names<Enum, N>& names, Enum value) {
  for (const auto& [candidate, name] : names) {
    if (candidate == value) return name;
  }
  throw InternalError("an enumerator without a name");
}

template <typename Enum, std::size_t N>
Enum find_value(const Names<Enum, N>& names, const std::string& name, const char* what,
                const std::string& where) {
  std::vector<std::string> valid;
  for (const auto& [value, candidate] : names) {
    if (name == candidate) return value;
    valid.emplace_back(candidate);
  }
  throw UsageError(cat(where, ": unknown ", what, " \"", name, "\"; expected one of ",
                       join(valid, ", "), suggestion(name, valid)));
}

}  // namespace

double QuantizerSpec::max_code() const {
  const FormatInfo& info = format_info(format);
  if (info.is_float) return info.max;
  return std::exp2(is_affine() ? bits : bits - 1) - 1;
}

c10::ScalarType QuantizerSpec::code_dtype() const {
  return is_affine() ? c10::kByte : format_info(format).code_dtype;
}

c10::ScalarType QuantizerSpec::scale_storage() const {
  return scale_dtype == ScaleDtype::kFloat16 ? c10::kHalf : c10::kFloat;
}

std::int64_t QuantizerSpec::groups_in(std::int64_t columns) const {
  return (columns + group_width(columns) - 1) / group_width(columns);
}

std::int64_t QuantizerSpec::group_width(std::int64_t columns) const {
  return std::min<std::int64_t>(group_size, columns);
}

std::string QuantizerSpec::describe() const {
  const FormatInfo& info = format_info(format);
  std::string text = cat(info.is_float ? info.layout : cat(bits), " bit");
  if (scheme != Scheme::kSymmetric) text += cat(" ", name_of(scheme));
  return cat(text, " per-", granularity_text(*this));
}

std::string granularity_text(const QuantizerSpec& spec) {
  const std::string name = find_name(kGranularities, spec.granularity);
  return spec.granularity == Granularity::kGroup ? cat(name, ":", spec.group_size) : name;
}

void set_granularity(QuantizerSpec& spec, const std::string& text, const std::string& where) {
  const std::size_t colon = text.find(':');
  spec.granularity = find_value(kGranularities, text.substr(0, colon), "granularity", where);
  const bool is_group = spec.granularity == Granularity::kGroup;
  spec.group_size = 0;
  if (!is_group && colon == std::string::npos) return;
  if (is_group && colon != std::string::npos) {
    const std::string digits = text.substr(colon + 1);
    std::from_chars(digits.data(), digits.data() + digits.size(), spec.group_size);
    if (spec.group_size > 0 && cat(spec.group_size) == digits) return;
  }
  throw UsageError(cat(where, ": granularity \"", text,
                       "\"; expected tensor, channel, token or group:N with N of 1 or more"));
}

const char* name_of(Scheme scheme) { return find_name(kSchemes, scheme); }
const char* name_of(RangeKind range) { return find_name(kRanges, range); }
const char* name_of(ScaleDtype dtype) { return find_name(kScaleDtypes, dtype); }

Scheme parse_scheme(const std::string& name, const std::string& where) {
  return find_value(kSchemes, name, "scheme", where);
}
RangeKind parse_range(const std::string& name, const std::string& where) {
  return find_value(kRanges, name, "range", where);
}
ScaleDtype parse_scale_dtype(const std::string& name, const std::string& where) {
  return find_value(kScaleDtypes, name, "scale_dtype", where);
}

Json to_json(const QuantizerSpec& spec) {
  Json json = {{"format", format_info(spec.format).name},  {"bits", spec.bits},
               {"scheme", name_of(spec.scheme)},           {"granularity", granularity_text(spec)},
               {"scale_dtype", name_of(spec.scale_dtype)}, {"range", name_of(spec.range)}};
  if (!spec.observer.empty()) json["observer"] = spec.observer;
  return json;
}

QuantizerSpec quantizer_spec_from_json(const Json& json, const std::string& where) {
  const auto text = [&](const char* key) { return json_value<std::string>(json, key, "", where); };
  QuantizerSpec spec;
  spec.format = parse_format(text("format"), where);
  spec.bits = json_value(json, "bits", spec.bits, where);
  spec.scheme = parse_scheme(text("scheme"), where);
  set_granularity(spec, text("granularity"), where);
  spec.scale_dtype = parse_scale_dtype(
      json_value<std::string>(json, "scale_dtype", name_of(spec.scale_dtype), where), where);
  spec.range = parse_range(text("range"), where);
  spec.observer = text("observer");
  return spec;
}

}  // namespace clipq
