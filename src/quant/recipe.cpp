#include "clipq/quant/recipe.h"

#include <algorithm>
#include <iterator>
#include <string_view>

#include "clipq/core/error.h"
#include "clipq/core/setting.h"
#include "clipq/core/shipped_json.h"
#include "clipq/core/strings.h"
#include "clipq/numerics/observer.h"
#include "clipq/quant/algorithm.h"

namespace clipq {
namespace {

constexpr ShippedJson kShipped = {"recipe", "recipes/"};
constexpr std::int64_t kMostRows = 1'000'000;

/// The rule's value of `key` through `parse`, or nothing if the key is absent.
template <typename Parse>
auto parse_optional(const Json& json, const char* key, const std::string& where, Parse parse)
    -> std::optional<decltype(parse(std::string(), where))> {
  if (!json.contains(key)) return std::nullopt;
  return parse(json_value<std::string>(json, key, "", where), where);
}

template <typename T>
std::optional<T> optional_value(const Json& json, const char* key, const std::string& where) {
  if (!json.contains(key)) return std::nullopt;
  return json_value<T>(json, key, T(), where);
}

Rule parse_rule(const Json& json, const std::string& where) {
  require_known_keys(json,
                     {"match", "enable", "format", "bits", "scheme", "granularity", "scale_dtype",
                      "range", "observer", "optional", "comment"},
                     where);
  Rule rule;
  rule.match = json_value<std::string>(json, "match", "", where);
  if (rule.match.empty()) throw UsageError(cat(where, ": \"match\" is missing or empty"));
  rule.enable = optional_value<bool>(json, "enable", where);
  rule.format = parse_optional(json, "format", where, parse_format);
  rule.bits = optional_value<int>(json, "bits", where);
  rule.scheme = parse_optional(json, "scheme", where, parse_scheme);
  rule.granularity = optional_value<std::string>(json, "granularity", where);
  rule.scale_dtype = parse_optional(json, "scale_dtype", where, parse_scale_dtype);
  rule.range = parse_optional(json, "range", where, parse_range);
  rule.observer = optional_value<std::string>(json, "observer", where);
  rule.optional = json_value(json, "optional", false, where);
  json_value<std::string>(json, "comment", "", where);
  if (rule.observer) require_observer(*rule.observer, where);
  if (rule.granularity) {
    QuantizerSpec checked;
    set_granularity(checked, *rule.granularity, where);
  }
  if (!rule.enable && !rule.format && !rule.bits && !rule.scheme && !rule.granularity &&
      !rule.scale_dtype && !rule.range && !rule.observer) {
    throw UsageError(cat(where, ": the rule for \"", rule.match,
                         "\" says nothing; give \"enable\", \"format\" or another attribute"));
  }
  return rule;
}

/// A command-line value; no attribute is a list or an object.
Json override_value(const std::string& text) {
  const Json value = json_or_text(text);
  return value.is_structured() ? Json(text) : value;
}

std::string algorithm_name(const Json& entry) {
  return entry.is_string() ? entry.get<std::string>() : entry.value("name", "");
}

std::vector<std::string> algorithm_names(const Json& list) {
  std::vector<std::string> names;
  for (const Json& entry : list) names.push_back(algorithm_name(entry));
  return names;
}

/// Sets an option of an algorithm of the recipe, or adds or removes the algorithm.
void override_algorithm(Json& recipe, const std::string& name, const std::string& key,
                        const Json& value) {
  Json& list = recipe["algorithms"];
  if (list.is_null()) list = Json::array();
  auto found = std::find_if(list.begin(), list.end(),
                            [&name](const Json& entry) { return algorithm_name(entry) == name; });
  if (key == "enable" && value == false) {
    if (found == list.end()) {
      throw UsageError(
          cat("override algorithms.", name, ".enable=false: the recipe has no algorithm \"", name,
              "\"", suggestion(name, algorithm_names(list))),
          {{Setting::kOverrides}});
    }
    list.erase(found);
    return;
  }
  if (found == list.end()) {
    list.push_back(name);
    found = std::prev(list.end());
  }
  if (found->is_string()) *found = {{"name", name}};
  if (key != "enable" || value != true) (*found)[key] = value;
}

void apply_override(Json& recipe, const std::string& text) {
  const std::size_t equals = text.find('=');
  const std::size_t dot = text.rfind('.', equals);
  if (equals == std::string::npos || dot == std::string::npos || dot == 0) {
    throw UsageError(cat("override ", text,
                         ": expected calibration.KEY=VALUE, algorithms.NAME.OPTION=VALUE or "
                         "GLOB.ATTRIBUTE=VALUE, ",
                         "for instance \"*.weight_quantizer.bits=8\""),
                     {{Setting::kOverrides}});
  }
  const std::string scope = text.substr(0, dot);
  const std::string key = text.substr(dot + 1, equals - dot - 1);
  const Json value = override_value(text.substr(equals + 1));
  constexpr std::string_view kAlgorithms = "algorithms.";
  if (scope == "algorithms") {
    throw UsageError(
        cat("override ", text, ": expected algorithms.NAME.OPTION=VALUE, for instance ",
            "algorithms.", key, ".enable=true"),
        {{Setting::kOverrides}});
  }
  if (scope == "calibration") {
    recipe["calibration"][key] = value;
  } else if (scope.starts_with(kAlgorithms)) {
    override_algorithm(recipe, scope.substr(kAlgorithms.size()), key, value);
  } else {
    recipe["rules"].push_back({{"match", scope}, {key, value}});
  }
}

void read_calibration(Recipe& recipe, const Json& calibration, const std::string& place) {
  require_known_keys(calibration, {"observer", "samples", "rows"}, place);
  recipe.observer = json_value(calibration, "observer", recipe.observer, place);
  require_observer(recipe.observer, place);
  recipe.samples = json_value(calibration, "samples", recipe.samples, place);
  if (recipe.samples < 1) {
    throw UsageError(cat(place, ": \"samples\" is ", recipe.samples, ", expected at least 1"));
  }
  recipe.rows = json_value(calibration, "rows", recipe.rows, place);
  if (recipe.rows < 1 || recipe.rows > kMostRows) {
    throw UsageError(cat(place, ": \"rows\" is ", recipe.rows, ", expected 1 to ", kMostRows));
  }
}

}  // namespace

Recipe parse_recipe(const Json& json, const std::string& where) {
  require_known_keys(
      json, {"$schema", "name", "comment", "rules", "calibration", "algorithms", "evidence"},
      where);
  Recipe recipe;
  recipe.json = json;
  json_value<std::string>(json, "$schema", "", where);
  if (!json_value(json, "evidence", Json::object(), where).is_object()) {
    throw UsageError(cat(where, ": \"evidence\" must be an object"));
  }
  recipe.name = json_value<std::string>(json, "name", "", where);
  recipe.comment = json_value<std::string>(json, "comment", "", where);
  if (recipe.name.empty()) throw UsageError(cat(where, ": \"name\" is missing or empty"));
  const Json rules = json_value(json, "rules", Json::array(), where);
  if (!rules.is_array() || rules.empty()) {
    throw UsageError(cat(where, ": \"rules\" must be a list with at least one rule"));
  }
  for (std::size_t i = 0; i < rules.size(); ++i) {
    recipe.rules.push_back(parse_rule(rules[i], cat(where, ": rule ", i + 1)));
  }
  const Json calibration = json_value(json, "calibration", Json::object(), where);
  read_calibration(recipe, calibration, where + ": calibration");
  const Json entries = json_value(json, "algorithms", Json::array(), where);
  if (!entries.is_array()) {
    throw UsageError(cat(where, ": \"algorithms\": got ", entries.dump(), ", expected a list"));
  }
  for (std::size_t i = 0; i < entries.size(); ++i) {
    const std::string place = cat(where, ": algorithm ", i + 1);
    Json entry = entries[i];
    if (entry.is_object()) {
      if (json_value(entry, "optional", false, place)) recipe.optional_algorithms.insert(i);
      entry.erase("optional");
    }
    recipe.algorithms.push_back(make_algorithm(entry, place));
  }
  return recipe;
}

Recipe load_recipe(const std::string& name, const std::vector<std::string>& overrides) {
  const std::string where = cat("recipe ", name);
  Json json = shipped_or_file(kShipped, name);
  Recipe recipe = parse_recipe(json, where);
  if (overrides.empty()) return recipe;
  for (const std::string& override_text : overrides) apply_override(json, override_text);
  return parse_recipe(json, where);
}

std::vector<std::string> recipe_names() { return shipped_names(kShipped); }

}  // namespace clipq
