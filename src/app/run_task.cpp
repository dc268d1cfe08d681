#include "run_task.h"

#include <algorithm>
#include <cctype>
#include <filesystem>

namespace clipq {
namespace {

/// The value of `key`; throws UsageError if it is below 0, or 0 and not `zero`.
std::int64_t count_value(const Json& json, const char* key, std::int64_t fallback, bool zero,
                         const std::string& where) {
  const auto value = json_value<std::int64_t>(json, key, fallback, where);
  if (json.contains(key) && value < (zero ? 0 : 1)) {
    throw UsageError(
        cat(where, ": \"", key, "\" is ", value, ", expected at least ", zero ? 0 : 1));
  }
  return value;
}

double positive_value(const Json& json, const char* key, double fallback,
                      const std::string& where) {
  const auto value = json_value<double>(json, key, fallback, where);
  if (!(value > 0)) throw UsageError(cat(where, ": \"", key, "\" must be above 0"));
  return value;
}

void parse_probe(const Json& json, TaskOptions& options, const std::string& where) {
  options.train_limit = count_value(json, "train_limit", options.train_limit, false, where);
  options.probe_feature =
      parse_image_feature(json_value<std::string>(json, "probe_features", "embedding", where),
                          cat(where, ": probe_features"));
  options.probe_c = positive_value(json, "probe_c", options.probe_c, where);
  options.probe_iterations =
      count_value(json, "probe_iterations", options.probe_iterations, false, where);
  options.probe_tolerance = positive_value(json, "probe_tolerance", options.probe_tolerance, where);
  options.probe_sweep = json_value(json, "probe_sweep", options.probe_sweep, where);
  if (options.probe_sweep && json.contains("probe_c")) {
    throw UsageError(cat(where, ": \"probe_sweep\" chooses C; remove \"probe_c\""));
  }
}

std::vector<std::int64_t> parse_recall_k(const Json& json,
                                         const std::vector<std::int64_t>& fallback,
                                         const std::string& where) {
  const auto lengths = json_value(json, "recall_k", fallback, where);
  const bool positive =
      std::all_of(lengths.begin(), lengths.end(), [](std::int64_t k) { return k > 0; });
  if (lengths.empty() || !positive) {
    throw UsageError(cat(where, ": \"recall_k\": expected integers >= 1"));
  }
  return lengths;
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
  require_known_keys(json,
                     {"task", "data", "name", "limit", "optional", "comment", "templates",
                      "classes", "per_class", "recall_k", "pairs", "train_limit", "probe_features",
                      "probe_c", "probe_iterations", "probe_tolerance", "probe_sweep"},
                     where);
  RunTask task;
  task.json = json;
  task.task = find_task(json_value<std::string>(json, "task", "", where), where).name;
  task.data = json_value<std::string>(json, "data", "", where);
  if (task.data.empty()) throw UsageError(cat(where, ": \"data\" is missing or empty"));
  task.limit = count_value(json, "limit", 0, false, where);
  task.optional = json_value(json, "optional", false, where);
  json_value<std::string>(json, "comment", "", where);
  TaskOptions& options = task.options;
  options.templates = json_value(json, "templates", options.templates, where);
  options.classes = parse_class_choice(json_value<std::string>(json, "classes", "all", where),
                                       cat(where, ": classes"));
  options.per_class = json_value(json, "per_class", options.per_class, where);
  options.recall_k = parse_recall_k(json, options.recall_k, where);
  options.map_pairs = count_value(json, "pairs", options.map_pairs, true, where);
  parse_probe(json, options, where);
  task.name = json_value(json, "name", standard_name(task), where);
  return task;
}

}  // namespace clipq
