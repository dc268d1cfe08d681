#include "clipq/result/clip_benchmark.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <string_view>

#include "clipq/result/json_fields.h"

namespace clipq {
namespace {

constexpr const char* kLanguage = "en";

/// Members of "metrics" that describe how a linear probe was trained.
constexpr std::array<std::string_view, 6> kProbeSettings = {
    "weight_decay", "epochs", "lr", "seed", "fewshot_k", "normalized"};

/// "wds/cifar100" -> "cifar100".
std::string dataset_key(const std::string& name) { return name.substr(name.rfind('/') + 1); }

}  // namespace

bool is_clip_benchmark_json(const Json& json) {
  return json.is_object() && json.contains("dataset") && json.contains("metrics");
}

Result result_from_clip_benchmark(const Json& json, const std::string& where) {
  const JsonFields fields(json, where);
  Result result;
  result.task = fields.text("task");
  result.model.path = cat(fields.text("model"), " ", fields.text("pretrained"));
  result.data.emplace();
  result.data->spec = fields.text("dataset");
  result.data->dataset = dataset_key(result.data->spec);
  const JsonFields metrics = fields.object("metrics");
  for (const auto& [name, value] : metrics.json().items()) {
    const bool describes_probe =
        std::find(kProbeSettings.begin(), kProbeSettings.end(), name) != kProbeSettings.end();
    if (describes_probe) {
      result.settings[name] = value;
    } else {
      result.metrics.emplace_back(name, metrics.number(name.c_str()));
    }
  }
  const std::string language = fields.optional_text("language");
  if (!language.empty() && language != kLanguage) result.settings["language"] = language;
  return result;
}

Json clip_benchmark_json(const Result& result) {
  if (!result.data || result.data->dataset.empty() || result.metrics.empty()) {
    throw UsageError(cat("the Result of ", result.model.path, " for ", result.task,
                         " has no metrics on a data set known to CLIP_benchmark; ",
                         "expected one written by clipq eval"));
  }
  Json json = {{"dataset", result.data->dataset},
               {"model", std::filesystem::path(result.model.path).stem().string()},
               {"pretrained", result.model.recipe.empty() ? "float" : result.model.recipe},
               {"task", result.task}};
  for (const auto& [name, value] : result.metrics) {
    json["metrics"][name] = std::isfinite(value) ? Json(value) : Json(nullptr);
  }
  json["language"] = kLanguage;
  return json;
}

std::string clip_benchmark_file_name(const Result& result) {
  const Json json = clip_benchmark_json(result);
  std::string name;
  for (const char* key : {"dataset", "pretrained", "model", "language", "task"}) {
    name += cat(name.empty() ? "" : "_", json[key].get<std::string>());
  }
  std::replace(name.begin(), name.end(), '/', '_');
  return name + ".json";
}

}  // namespace clipq
