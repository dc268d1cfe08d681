#include "run_bindings.h"

#include <algorithm>
#include <sstream>

#include "clipq/core/home.h"
#include "clipq/core/strings.h"

namespace clipq {
namespace {

constexpr std::string_view kData = "data.";

RunSetting split_setting(const std::string& text) {
  const std::size_t equals = text.find('=');
  if (equals == std::string::npos || equals == 0 || equals + 1 == text.size()) {
    throw UsageError(cat("--set ", text, ": expected KEY=VALUE, for instance checkpoint=clip.pt, ",
                         "data.cifar100=FOLDER or bench.seconds=1"));
  }
  return {text.substr(0, equals), text.substr(equals + 1)};
}

std::vector<std::string> checkpoint_names(const RunFile& run) {
  std::vector<std::string> names;
  for (const RunCheckpoint& each : run.checkpoints) names.push_back(each.name);
  return names;
}

bool is_binding(const std::string& key, const RunFile& run) {
  const std::vector<std::string> names = checkpoint_names(run);
  return key.starts_with(kData) || std::find(names.begin(), names.end(), key) != names.end();
}

/// The top-level keys that --set may override.
constexpr const char* kOverridable[] = {"limit", "recipes", "components",
                                        "tasks", "bench",   "gates"};

/// Throws UsageError if a part of the key is an index beyond its list, which nlohmann's pointer
/// would pad with null.
void require_entries(const Json& json, const std::string& key) {
  const Json* at = &json;
  std::istringstream parts(key);
  for (std::string part; std::getline(parts, part, '.');) {
    if (at->is_array()) {
      const bool digits = !part.empty() && part.size() < 9 &&
                          part.find_first_not_of("0123456789") == std::string::npos;
      const std::size_t index = digits ? std::stoul(part) : at->size();
      if (index >= at->size()) {
        throw UsageError(cat("--set ", key, "=…: no entry \"", part, "\" in a list of ", at->size(),
                             ", which are counted from 0"));
      }
      at = &(*at)[index];
    } else {
      if (!at->is_object() || !at->contains(part)) return;
      at = &at->at(part);
    }
  }
}

void apply_override(Json& json, const RunFile& run, const RunSetting& setting) {
  const std::string first = setting.key.substr(0, setting.key.find('.'));
  std::vector<std::string> known(std::begin(kOverridable), std::end(kOverridable));
  if (std::find(known.begin(), known.end(), first) == known.end()) {
    const std::vector<std::string> names = checkpoint_names(run);
    known.insert(known.begin(), names.begin(), names.end());
    for (const RunData& each : run.data) known.push_back(cat(kData, each.name));
    throw UsageError(cat("--set ", setting.key, "=…: run ", run.name, " has no such name",
                         suggestion(setting.key, known), " It has: ", join(known, ", ")));
  }
  require_entries(json, setting.key);
  std::string pointer = "/" + setting.key;
  std::replace(pointer.begin(), pointer.end(), '.', '/');
  try {
    json[Json::json_pointer(pointer)] = json_or_text(setting.value);
  } catch (const nlohmann::json::exception&) {
    throw UsageError(cat("--set ", setting.key, "=…: run ", run.name, " has no such key"));
  }
}

/// kind:path. A value that includes a kind keeps it.
std::string spec_of(const RunData& data, const std::string& value, const std::string& where) {
  const std::string before_colon = value.substr(0, value.find(':'));
  std::vector<std::string> kinds;
  for (const DatasetKind& kind : dataset_kinds()) kinds.push_back(kind.name);
  const bool says_kind = value.find(':') != std::string::npos &&
                         std::find(kinds.begin(), kinds.end(), before_colon) != kinds.end();
  if (says_kind) return value;
  if (data.kind.empty()) {
    throw UsageError(
        cat(where, value, ": expected KIND:PATH with one of the kinds ", join(kinds, ", ")));
  }
  return cat(data.kind, ":", value);
}

void bind_data(RunData& data, const std::string& attribute, const RunSetting& binding) {
  if (attribute.empty()) {
    data.spec = spec_of(data, binding.value, cat("--set ", binding.key, "="));
  } else if (attribute == "captions") {
    data.captions = expand_home(binding.value);
  } else if (attribute == "classnames") {
    data.classnames = expand_home(binding.value);
  } else if (attribute == "templates") {
    data.templates = expand_home(binding.value).string();
  } else if (attribute == "train") {
    data.train = binding.value;
  } else {
    const std::vector<std::string> known = {"captions", "classnames", "templates", "train"};
    throw UsageError(cat("--set ", binding.key, "=…: unknown \"", attribute, "\"",
                         suggestion(attribute, known), " Known: ", join(known, ", ")));
  }
}

bool takes_captions(const std::string& kind) {
  for (const DatasetKind& each : dataset_kinds()) {
    if (each.name == kind) return each.takes_captions;
  }
  return false;
}

/// The --set options missing for a data set, one per line; empty if it is bound.
std::string missing_data(const RunData& data) {
  const std::string comment = data.comment.empty() ? "" : cat("   ", data.comment);
  std::string lines;
  if (data.spec.empty()) {
    lines +=
        cat("\n  --set data.", data.name, "=", data.kind.empty() ? "KIND:" : "", "PATH", comment);
  }
  const std::string kind = data.spec.empty() ? data.kind : data.spec.substr(0, data.spec.find(':'));
  if (takes_captions(kind) && data.captions.empty()) {
    lines += cat("\n  --set data.", data.name, ".captions=FILE   captions of these images");
  }
  return lines;
}

/// Whether an item that isn't optional needs the data set.
bool is_needed(const RunFile& run, const std::string& data) {
  return std::any_of(run.tasks.begin(), run.tasks.end(),
                     [&](const RunTask& task) { return task.data == data && !task.optional; }) ||
         std::any_of(run.recipes.begin(), run.recipes.end(), [&](const RunRecipe& recipe) {
           return recipe.calibration == data && !recipe.optional;
         });
}

}  // namespace

std::vector<RunSetting> apply_overrides(Json& json, const RunFile& run,
                                        const std::vector<std::string>& settings) {
  std::vector<RunSetting> bindings;
  for (const std::string& text : settings) {
    const RunSetting setting = split_setting(text);
    if (is_binding(setting.key, run)) {
      bindings.push_back(setting);
    } else {
      apply_override(json, run, setting);
    }
  }
  return bindings;
}

void bind(RunFile& run, const RunSetting& binding) {
  if (!binding.key.starts_with(kData)) {
    for (RunCheckpoint& each : run.checkpoints) {
      if (each.name == binding.key) each.path = expand_home(binding.value);
    }
    return;
  }
  const std::string rest = binding.key.substr(kData.size());
  const std::string name = rest.substr(0, rest.find('.'));
  std::vector<std::string> names;
  for (RunData& each : run.data) {
    names.push_back(each.name);
    if (each.name != name) continue;
    bind_data(each, name == rest ? "" : rest.substr(name.size() + 1), binding);
    return;
  }
  throw UsageError(cat("--set ", binding.key, "=…: run ", run.name, " has no data \"", name, "\"",
                       suggestion(name, names),
                       names.empty() ? "" : " It has: ", join(names, ", ")));
}

void require_bound(const RunFile& run) {
  std::string lines;
  bool any_checkpoint = false;
  for (const RunCheckpoint& each : run.checkpoints) {
    any_checkpoint = any_checkpoint || !each.path.empty();
    if (each.path.empty() && !each.optional) lines += cat("\n  --set ", each.name, "=PATH");
  }
  if (lines.empty() && !any_checkpoint)
    lines += cat("\n  --set ", run.checkpoints[0].name, "=PATH");
  for (const RunData& each : run.data) {
    if (is_needed(run, each.name) || !each.spec.empty()) lines += missing_data(each);
  }
  if (lines.empty()) return;
  throw UsageError(cat("run ", run.name, " has unbound inputs; pass:", lines));
}

}  // namespace clipq
