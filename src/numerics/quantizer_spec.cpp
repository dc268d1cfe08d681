#include "clipq/numerics/quantizer_spec.h"

#include <array>
#include <cmath>
#include <utility>
#include <vector>

#include "clipq/core/error.h"
#include "clipq/core/strings.h"

namespace clipq {
namespace {

template <typename Enum, std::size_t N>
using Names = std::array<std::pair<Enum, const char*>, N>;

constexpr Names<Scheme, 2> kSchemes = {
    {{Scheme::kSymmetric, "symmetric"}, {Scheme::kAffine, "affine"}}};
constexpr Names<Granularity, 3> kGranularities = {{{Granularity::kTensor, "tensor"},
                                                   {Granularity::kChannel, "channel"},
                                                   {Granularity::kToken, "token"}}};
constexpr Names<RangeKind, 2> kRanges = {
    {{RangeKind::kStatic, "static"}, {RangeKind::kDynamic, "dynamic"}}};

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
  return std::exp2(scheme == Scheme::kAffine ? bits : bits - 1) - 1;
}

c10::ScalarType QuantizerSpec::code_dtype() const {
  return scheme == Scheme::kAffine ? c10::kByte : format_info(format).code_dtype;
}

std::string QuantizerSpec::describe() const {
  std::string text;
  if (format == Format::kFp8E4M3) {
    text = "(4, 3) bit";
  } else if (format == Format::kFp8E5M2) {
    text = "(5, 2) bit";
  } else {
    text = cat(bits, " bit");
  }
  if (scheme == Scheme::kAffine) text += " affine";
  return text + " per-" + name_of(granularity);
}

const char* name_of(Scheme scheme) { return find_name(kSchemes, scheme); }
const char* name_of(Granularity granularity) { return find_name(kGranularities, granularity); }
const char* name_of(RangeKind range) { return find_name(kRanges, range); }

Scheme parse_scheme(const std::string& name, const std::string& where) {
  return find_value(kSchemes, name, "scheme", where);
}
Granularity parse_granularity(const std::string& name, const std::string& where) {
  return find_value(kGranularities, name, "granularity", where);
}
RangeKind parse_range(const std::string& name, const std::string& where) {
  return find_value(kRanges, name, "range", where);
}

Json to_json(const QuantizerSpec& spec) {
  Json json = {{"format", format_info(spec.format).name},
               {"bits", spec.bits},
               {"scheme", name_of(spec.scheme)},
               {"granularity", name_of(spec.granularity)},
               {"range", name_of(spec.range)}};
  if (!spec.observer.empty()) json["observer"] = spec.observer;
  return json;
}

QuantizerSpec quantizer_spec_from_json(const Json& json, const std::string& where) {
  const auto text = [&](const char* key) { return json_value<std::string>(json, key, "", where); };
  QuantizerSpec spec;
  spec.format = parse_format(text("format"), where);
  spec.bits = json_value(json, "bits", spec.bits, where);
  spec.scheme = parse_scheme(text("scheme"), where);
  spec.granularity = parse_granularity(text("granularity"), where);
  spec.range = parse_range(text("range"), where);
  spec.observer = text("observer");
  return spec;
}

}  // namespace clipq
