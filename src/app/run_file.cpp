#include "clipq/app/run_file.h"

#include <algorithm>
#include <cctype>
#include <set>

#include "clipq/core/find_named.h"
#include "clipq/core/shipped_json.h"
#include "clipq/core/strings.h"
#include "clipq/model/tower.h"
#include "clipq/quant/recipe.h"
#include "run_bindings.h"
#include "run_task.h"

namespace clipq {
namespace {

constexpr ShippedJson kShipped = {"run", "runs/"};

/// Names become parts of file names and of --set.
std::string checked_name(const std::string& name, const std::string& where) {
  const bool fine = !name.empty() && std::all_of(name.begin(), name.end(), [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '-' || c == '_';
  });
  if (fine) return name;
  throw UsageError(cat(where, ": the name \"", name, "\" is empty or has characters other than ",
                       "letters, digits, - and _"));
}

/// Throws UsageError if two entries have the same name.
template <typename Entry>
void require_different_names(const std::vector<Entry>& entries, const std::string& where) {
  std::set<std::string> names;
  for (const Entry& entry : entries) {
    if (names.insert(entry.name).second) continue;
    throw UsageError(cat(where, ": two entries are called \"", entry.name,
                         "\"; distinguish them with \"name\""));
  }
}

Json list_of(const Json& json, const char* key, const Json& fallback, const std::string& where) {
  Json list = json.value(key, fallback);
  if (!list.is_array()) {
    throw UsageError(cat(where, ": \"", key, "\": got ", list.dump(), ", expected a list"));
  }
  return list;
}

std::vector<RunCheckpoint> parse_checkpoints(const Json& json, const std::string& where) {
  std::vector<RunCheckpoint> checkpoints;
  const Json entries = list_of(json, "checkpoints", Json::array({"checkpoint"}), where);
  for (const Json& entry : entries) {
    const std::string place = cat(where, ": checkpoint ", checkpoints.size() + 1);
    RunCheckpoint checkpoint;
    if (entry.is_string()) {
      checkpoint.name = entry.get<std::string>();
    } else {
      require_known_keys(entry, {"name", "optional", "comment"}, place);
      checkpoint.name = json_value<std::string>(entry, "name", "", place);
      checkpoint.optional = json_value(entry, "optional", false, place);
      json_value<std::string>(entry, "comment", "", place);
    }
    checked_name(checkpoint.name, place);
    // --set data.NAME, and the folders that a run makes
    for (const char* taken : {"data", "items", "models"}) {
      if (checkpoint.name != taken) continue;
      throw UsageError(cat(place, ": a checkpoint can't be called \"", taken, "\""));
    }
    checkpoints.push_back(checkpoint);
  }
  if (checkpoints.empty()) throw UsageError(cat(where, ": \"checkpoints\" is an empty list"));
  require_different_names(checkpoints, where + ": checkpoints");
  return checkpoints;
}

std::vector<RunData> parse_data(const Json& json, const std::string& where) {
  std::vector<RunData> all;
  const Json data = json_value(json, "data", Json::object(), where);
  if (!data.is_object()) throw UsageError(cat(where, ": \"data\": expected an object"));
  for (const auto& [name, entry] : data.items()) {
    const std::string place = cat(where, ": data ", name);
    require_known_keys(entry, {"kind", "comment"}, place);
    RunData& parsed = all.emplace_back();
    parsed.name = checked_name(name, place);
    parsed.comment = json_value<std::string>(entry, "comment", "", place);
    parsed.kind = json_value<std::string>(entry, "kind", "", place);
    if (!parsed.kind.empty()) find_named(dataset_kinds(), parsed.kind, "kind of data set", place);
  }
  return all;
}

RunRecipe parse_run_recipe(const Json& json, const std::string& where) {
  const Json entry = json.is_string() ? Json{{"recipe", json}} : json;
  require_known_keys(
      entry, {"recipe", "name", "set", "calibration", "samples", "optional", "comment"}, where);
  RunRecipe recipe;
  recipe.recipe = json_value<std::string>(entry, "recipe", "", where);
  recipe.overrides = json_value(entry, "set", std::vector<std::string>(), where);
  const Recipe loaded = load_recipe(recipe.recipe, recipe.overrides);
  recipe.name = checked_name(json_value(entry, "name", loaded.name, where), where);
  recipe.calibration = json_value<std::string>(entry, "calibration", "", where);
  recipe.samples = json_value<std::int64_t>(entry, "samples", 0, where);
  if (entry.contains("samples") && recipe.samples < 1) {
    throw UsageError(cat(where, ": \"samples\" is ", recipe.samples, ", expected at least 1"));
  }
  recipe.optional = json_value(entry, "optional", false, where);
  json_value<std::string>(entry, "comment", "", where);
  return recipe;
}

/// Every entry of the list `key` through `parse`.
template <typename Parse>
auto parse_entries(const Json& json, const char* key, const char* what, const std::string& where,
                   Parse parse) {
  std::vector<decltype(parse(json, where))> parsed;
  const Json entries = list_of(json, key, Json::array(), where);
  for (const Json& entry : entries) {
    parsed.push_back(parse(entry, cat(where, ": ", what, " ", parsed.size() + 1)));
  }
  require_different_names(parsed, cat(where, ": ", key));
  return parsed;
}

std::optional<LatencyOptions> parse_bench(const Json& json, const std::string& where) {
  const auto found = json.find("bench");
  if (found == json.end() || *found == false) return std::nullopt;
  const Json entry = *found == true ? Json::object() : *found;
  const std::string place = where + ": bench";
  require_known_keys(entry, {"batch_sizes", "tower", "seconds", "warm_up", "comment"}, place);
  LatencyOptions options;
  options.batch_sizes = json_value(entry, "batch_sizes", options.batch_sizes, place);
  options.seconds = json_value(entry, "seconds", options.seconds, place);
  options.warm_up = json_value(entry, "warm_up", options.warm_up, place);
  json_value<std::string>(entry, "comment", "", place);
  const bool sane =
      std::all_of(options.batch_sizes.begin(), options.batch_sizes.end(),
                  [](std::int64_t size) { return size > 0 && size <= kLargestBatch; });
  if (options.batch_sizes.empty() || !sane || !(options.seconds > 0) || options.warm_up < 0) {
    throw UsageError(cat(place, ": \"batch_sizes\" must be from 1 to ", kLargestBatch,
                         ", \"seconds\" above 0, \"warm_up\" at least 0"));
  }
  const Component tower = parse_component(json_value<std::string>(entry, "tower", "both", place));
  options.image = tower != Component::kText;
  options.text = tower != Component::kImage;
  return options;
}

/// A text or a list of texts.
std::vector<std::string> texts_of(const Json& json, const char* key, const std::string& where) {
  const auto found = json.find(key);
  if (found != json.end() && found->is_string()) return {found->get<std::string>()};
  return json_value(json, key, std::vector<std::string>(), where);
}

std::optional<Gates> parse_gates(const Json& json, const std::string& where) {
  const auto found = json.find("gates");
  if (found == json.end() || *found == false) return std::nullopt;
  const std::string place = where + ": gates";
  require_known_keys(*found,
                     {"max_drop", "max_mixed_drop", "max_size_ratio", "size_against", "min_speedup",
                      "require_certain"},
                     place);
  Gates gates;
  for (const std::string& text : texts_of(*found, "max_drop", place)) {
    gates.drops.push_back(parse_drop_gate(text));
  }
  for (const std::string& text : texts_of(*found, "min_speedup", place)) {
    gates.speeds.push_back(parse_speed_gate(text));
  }
  if (found->contains("max_mixed_drop")) {
    gates.max_mixed_drop = parse_mixed_drop_gate(found->at("max_mixed_drop").dump());
  }
  if (found->contains("max_size_ratio")) {
    gates.max_size_ratio = parse_size_gate(found->at("max_size_ratio").dump());
  }
  const auto reference = json_value<std::string>(*found, "size_against", "file", place);
  if (reference != "file" && reference != "float32") {
    throw UsageError(cat(place, ": size_against ", reference, ": expected file or float32"));
  }
  if (reference == "float32") gates.size_reference = SizeReference::kFloat32;
  gates.require_certain = json_value(*found, "require_certain", false, place);
  return gates;
}

/// Throws UsageError if an entry names a data set that the file doesn't declare.
void require_declared(const RunFile& run, const std::string& name, const std::string& where) {
  std::vector<std::string> names;
  for (const RunData& data : run.data) names.push_back(data.name);
  if (name.empty() || std::find(names.begin(), names.end(), name) != names.end()) return;
  throw UsageError(cat(where, ": \"data\" declares no \"", name, "\"", suggestion(name, names)));
}

RunFile parse_run(const Json& json, const std::string& where) {
  require_known_keys(json,
                     {"$schema", "name", "comment", "checkpoints", "data", "recipes", "components",
                      "tasks", "limit", "bench", "gates"},
                     where);
  RunFile run;
  json_value<std::string>(json, "$schema", "", where);
  run.name = json_value<std::string>(json, "name", "", where);
  if (run.name.empty()) throw UsageError(cat(where, ": \"name\" is missing or empty"));
  run.comment = json_value<std::string>(json, "comment", "", where);
  run.checkpoints = parse_checkpoints(json, where);
  run.data = parse_data(json, where);
  run.recipes = parse_entries(json, "recipes", "recipe", where, parse_run_recipe);
  run.components = json_value(json, "components", std::vector<std::string>{"both"}, where);
  std::set<std::string> components;
  for (const std::string& component : run.components) {
    parse_component(component);
    if (components.insert(component).second) continue;
    throw UsageError(cat(where, ": \"components\" has \"", component, "\" twice"));
  }
  run.tasks = parse_entries(json, "tasks", "task", where, parse_run_task);
  run.bench = parse_bench(json, where);
  run.gates = parse_gates(json, where);
  const auto limit = json_value<std::int64_t>(json, "limit", 0, where);
  if (json.contains("limit") && limit < 1) throw UsageError(cat(where, ": \"limit\" is below 1"));
  for (RunTask& task : run.tasks) {
    if (limit > 0) task.limit = task.limit > 0 ? std::min(task.limit, limit) : limit;
    checked_name(task.name, where + ": tasks");
    require_declared(run, task.data, cat(where, ": task ", task.name));
  }
  for (const RunRecipe& recipe : run.recipes) {
    require_declared(run, recipe.calibration, cat(where, ": recipe ", recipe.name));
  }
  return run;
}

}  // namespace

const RunData& RunFile::data_named(const std::string& wanted) const {
  for (const RunData& each : data) {
    if (each.name == wanted) return each;
  }
  throw InternalError(cat("run ", name, " declares no data \"", wanted, "\""));
}

RunFile load_run(const std::string& name, const std::vector<std::string>& settings) {
  const std::string where = cat("run ", name);
  Json json = shipped_or_file(kShipped, name);
  RunFile run = parse_run(json, where);
  const std::vector<RunSetting> bindings = apply_overrides(json, run, settings);
  run = parse_run(json, where);
  for (const RunSetting& binding : bindings) bind(run, binding);
  require_bound(run);
  return run;
}

std::string run_comment(const std::string& name) {
  return parse_run(shipped_or_file(kShipped, name), cat("run ", name)).comment;
}

std::vector<std::string> run_names() { return shipped_names(kShipped); }

}  // namespace clipq
