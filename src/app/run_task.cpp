#include "run_task.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <filesystem>

namespace clipq {
namespace {

/// What every task has beside its own options.
constexpr const char* kCommonKeys[] = {"task", "data", "name", "limit", "optional", "comment"};

/// The place of a value and how its option is called there.
struct KeyPlace {
  const std::string& where;
  std::string key;

  [[noreturn]] void refuse(const Json& got, const std::string& expected) const {
    throw UsageError(cat(where, ": \"", key, "\" is ", got.dump(), ", expected ", expected));
  }
};

std::int64_t count_from(const Json& json, std::int64_t smallest, std::int64_t largest,
                        const KeyPlace& place) {
  const std::optional<std::int64_t> count = whole_number(json);
  if (count && *count >= smallest && *count <= largest) return *count;
  place.refuse(json, cat("an integer from ", smallest, " to ", largest));
}

/// Sets an option to the value of its key.
struct KeyReader {
  const Json& json;
  const KeyPlace& place;
  TaskOptions& options;

  void operator()(const FlagOption& kind) const {
    if (!json.is_boolean()) place.refuse(json, "true or false");
    options.*kind.member = json.get<bool>();
  }
  void operator()(const CountOption& kind) const {
    options.*kind.member = count_from(json, kind.smallest, kind.largest, place);
  }
  void operator()(const CountsOption& kind) const {
    if (!json.is_array() || json.empty()) place.refuse(json, "a list of integers");
    std::vector<std::int64_t> counts;
    for (const Json& each : json) {
      counts.push_back(count_from(each, kind.smallest, kind.largest, place));
    }
    options.*kind.member = counts;
  }
  void operator()(const NumberOption& kind) const {
    const double number = json.is_number() ? json.get<double>() : 0;
    if (!std::isfinite(number) || number <= 0) place.refuse(json, "a positive number");
    options.*kind.member = number;
  }
  void operator()(const TextOption& kind) const { options.*kind.member = text(); }
  void operator()(const FileOption& kind) const { options.*kind.member = text(); }
  void operator()(const ChoiceOption& kind) const {
    kind.choose(options, text(), cat(place.where, ": ", place.key));
  }
  void operator()(const NamesOption& kind) const {
    if (!json.is_array() || json.empty()) place.refuse(json, "a list of names");
    std::vector<std::string> names;
    for (const Json& each : json) {
      if (!each.is_string()) place.refuse(each, cat("one of ", join(kind.names, ", ")));
      names.push_back(each.get<std::string>());
    }
    options.*kind.member = names;
  }

  std::string text() const {
    if (!json.is_string() || json.get<std::string>().empty()) place.refuse(json, "a text");
    return json.get<std::string>();
  }
};

/// Throws UsageError if the entry has a key that no task has, or one of another task.
void require_keys_of_task(const Json& json, const std::string& task, const std::string& where) {
  std::vector<std::string> known(std::begin(kCommonKeys), std::end(kCommonKeys));
  const std::size_t common = known.size();
  const std::vector<TaskOption> options = all_task_options();
  for (const TaskOption& option : options) known.push_back(option.key());
  for (const auto& [key, value] : json.items()) {
    const auto found = std::find(known.begin(), known.end(), key);
    if (found == known.end()) {
      throw UsageError(cat(where, ": unknown key \"", key, "\"", suggestion(key, known)));
    }
    const auto place = static_cast<std::size_t>(found - known.begin());
    if (place < common) continue;
    const TaskOption& option = options[place - common];
    const std::string written = cat(where, ": \"", key, "\"");
    if (!option.data_attribute.empty()) {
      throw UsageError(cat(written, " belongs to the data; give it with --set data.NAME.",
                           option.data_attribute, "=…"));
    }
    require_task_takes(option.name, written, task, "remove it, or move it to a task that takes it");
  }
}

/// Throws UsageError if the entry sets both the flag `option` and what it excludes.
void check_exclusion(const Json& json, const TaskOption& option, const std::string& where) {
  for (const TaskOption& other : all_task_options()) {
    if (other.name != option.excludes || !json.contains(other.key())) continue;
    if (json.at(option.key()) == false) continue;
    throw UsageError(
        cat(where, ": \"", option.key(), "\" excludes \"", other.key(), "\"; remove one of them"));
  }
}

TaskOptions parse_options(const Json& json, const Task& task, const std::string& where) {
  TaskOptions options;
  for (const TaskOption& option : task.options) {
    const KeyPlace place = {where, option.key()};
    if (!option.data_attribute.empty() || !json.contains(place.key)) continue;
    std::visit(KeyReader{json.at(place.key), place, options}, option.kind);
    check_exclusion(json, option, where);
  }
  return options;
}

/// The name of a template set or template file within a record's name.
std::string name_of_templates(const std::string& templates) {
  std::string name = std::filesystem::path(templates).stem().string();
  for (char& c : name) {
    if (std::isalnum(static_cast<unsigned char>(c)) == 0) c = '-';
  }
  return name;
}

/// "zeroshot_classification-cifar100-imagenet7"
std::string standard_name(const RunTask& task) {
  std::string name = cat(task.task, "-", task.data);
  const std::string templates = task.json.value("templates", "");
  return templates.empty() ? name : cat(name, "-", name_of_templates(templates));
}

}  // namespace

RunTask parse_run_task(const Json& json, const std::string& where) {
  if (!json.is_object()) require_known_keys(json, {}, where);
  const Task& kind = find_task(json_value<std::string>(json, "task", "", where), where);
  require_keys_of_task(json, kind.name, where);
  RunTask task;
  task.json = json;
  task.task = kind.name;
  task.data = json_value<std::string>(json, "data", "", where);
  if (task.data.empty()) throw UsageError(cat(where, ": \"data\" is missing or empty"));
  if (json.contains("limit")) {
    task.limit = count_from(json.at("limit"), 1, kMostItems, {where, "limit"});
  }
  task.optional = json_value(json, "optional", false, where);
  json_value<std::string>(json, "comment", "", where);
  task.options = parse_options(json, kind, where);
  task.name = json_value(json, "name", standard_name(task), where);
  return task;
}

}  // namespace clipq
