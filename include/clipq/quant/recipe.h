#pragma once

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "clipq/core/json.h"
#include "clipq/numerics/quantizer_spec.h"

namespace clipq {

class Algorithm;

/// One rule of a recipe: what holds for the quantizers whose names match a glob. Absent attributes
/// leave a quantizer as it is, except that a rule with a format first resets all of them.
struct Rule {
  std::string match;  ///< a glob over quantizer names; `*` crosses dots
  std::optional<bool> enable;
  std::optional<Format> format;
  std::optional<int> bits;
  std::optional<Scheme> scheme;
  std::optional<std::string> granularity;  ///< as granularity_text() writes it
  std::optional<ScaleDtype> scale_dtype;
  std::optional<RangeKind> range;
  std::optional<std::string> observer;
  bool optional = false;  ///< it may match nothing
};

/// What to quantize and how: a name, ordered rules (later ones win), the calibration method.
struct Recipe {
  std::string name;
  std::string comment;
  std::vector<Rule> rules;
  std::string observer = "max";  ///< of static activations whose rule names none
  std::int64_t samples = 512;    ///< image-caption pairs to calibrate on
  std::int64_t rows = 512;       ///< input rows sampled per layer for algorithms that need them
  std::vector<std::shared_ptr<const Algorithm>> algorithms;  ///< in their order
  std::set<std::size_t> optional_algorithms;  ///< indices of those that may have nothing to do
  Json json;                                  ///< the recipe as read, with overrides applied
};

/// Parses and checks a recipe. Throws UsageError that names `where`, the rule and the key.
Recipe parse_recipe(const Json& json, const std::string& where);

/// The recipe of that name among those compiled in or, if `name` is a path, that file, with
/// `overrides` applied: "calibration.KEY=VALUE"; "algorithms.NAME.OPTION=VALUE", which adds the
/// algorithm if the recipe hasn't it, or with "enable=false" takes it out; or
/// "GLOB.ATTRIBUTE=VALUE", which adds a rule at the end ("*.weight_quantizer.bits=8").
/// Throws UsageError (unknown name, with a suggestion; bad content) or InputError (missing file).
Recipe load_recipe(const std::string& name, const std::vector<std::string>& overrides);

/// The names of the recipes compiled in, sorted.
std::vector<std::string> recipe_names();

}  // namespace clipq
