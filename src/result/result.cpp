#include "clipq/result/result.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "clipq/result/json_fields.h"

namespace clipq {
namespace {

constexpr const char* kSchema = "clipq.result/1";

void put(Json& json, const char* key, const std::string& text) {
  if (!text.empty()) json[key] = text;
}

Json model_json(const ModelInfo& model) {
  Json json = Json::object();
  json["path"] = model.path;
  put(json, "sha256", model.sha256);
  put(json, "recipe", model.recipe);
  put(json, "component", model.component);
  json["size_bytes"] = model.size_bytes;
  json["size_mib"] = model.size_mib();
  put(json, "mode", model.mode);
  return json;
}

Json data_json(const DataInfo& data) {
  Json json = Json::object();
  json["spec"] = data.spec;
  json["items"] = data.items;
  put(json, "sha256", data.sha256);
  if (data.templates != 0) json["templates"] = data.templates;
  return json;
}

Json latency_json(const BatchLatencies& batches) {
  Json json = Json::object();
  for (const auto& [batch_size, stats] : batches) {
    json[std::to_string(batch_size)] = {{"min_ms", stats.min_ms},
                                        {"median_ms", stats.median_ms},
                                        {"p95_ms", stats.p95_ms},
                                        {"repeats", stats.repeats}};
  }
  return json;
}

Json environment_json(const Environment& environment) {
  return {{"clipq", environment.clipq},     {"libtorch", environment.libtorch},
          {"cpu", environment.cpu},         {"isa", environment.isa},
          {"threads", environment.threads}, {"time", environment.time}};
}

ModelInfo read_model(const JsonFields& fields) {
  ModelInfo model;
  model.path = fields.text("path");
  model.sha256 = fields.optional_text("sha256");
  model.recipe = fields.optional_text("recipe");
  model.component = fields.optional_text("component");
  model.size_bytes = fields.integer("size_bytes");
  model.mode = fields.optional_text("mode");
  return model;
}

DataInfo read_data(const JsonFields& fields) {
  return {fields.text("spec"), fields.integer("items"), fields.optional_text("sha256"),
          fields.optional_integer("templates")};
}

BatchLatencies read_latency(const JsonFields& batches) {
  BatchLatencies latencies;
  for (const auto& [key, value] : batches.json().items()) {
    std::int64_t batch_size = 0;
    const auto [end, failure] = std::from_chars(key.data(), key.data() + key.size(), batch_size);
    if (failure != std::errc() || end != key.data() + key.size() || batch_size < 1) {
      throw InputError(cat(batches.path(key), ": expected a batch size as the key"));
    }
    const JsonFields stats = batches.object(key.c_str());
    latencies[batch_size] = {stats.number("min_ms"), stats.number("median_ms"),
                             stats.number("p95_ms"), stats.integer("repeats")};
  }
  return latencies;
}

Environment read_environment(const JsonFields& fields) {
  return {fields.text("clipq"),
          fields.text("libtorch"),
          fields.text("cpu"),
          fields.text("isa"),
          static_cast<int>(fields.integer("threads")),
          fields.text("time")};
}

}  // namespace

double ModelInfo::size_mib() const { return static_cast<double>(size_bytes) / (1 << 20); }

Json to_json(const Result& result) {
  Json json = Json::object();
  json["schema"] = kSchema;
  json["task"] = result.task;
  json["model"] = model_json(result.model);
  if (result.data) json["data"] = data_json(*result.data);
  for (const auto& [name, value] : result.metrics) {
    json["metrics"][name] = std::isfinite(value) ? Json(value) : Json(nullptr);
  }
  for (const auto& [tower, batches] : result.latency)
    json["latency"][tower] = latency_json(batches);
  if (result.calibration) {
    json["calibration"] = {{"spec", result.calibration->spec},
                           {"samples", result.calibration->samples}};
  }
  if (!result.settings.empty()) json["settings"] = result.settings;
  json["environment"] = environment_json(result.environment);
  return json;
}

Result result_from_json(const Json& json, const std::string& where) {
  const JsonFields fields(json, where);
  const std::string schema = fields.text("schema");
  if (schema != kSchema) {
    throw InputError(cat(fields.path("schema"), ": got \"", schema, "\", expected \"", kSchema,
                         "\"; measure again with this version of clipq"));
  }
  Result result;
  result.task = fields.text("task");
  result.model = read_model(fields.object("model"));
  if (const auto data = fields.optional_object("data")) result.data = read_data(*data);
  if (const auto metrics = fields.optional_object("metrics")) {
    for (const auto& [name, value] : metrics->json().items()) {
      result.metrics.emplace_back(name, metrics->number(name.c_str()));
    }
  }
  if (const auto latency = fields.optional_object("latency")) {
    for (const auto& [tower, value] : latency->json().items()) {
      result.latency[tower] = read_latency(latency->object(tower.c_str()));
    }
  }
  if (const auto calibration = fields.optional_object("calibration")) {
    result.calibration = {calibration->text("spec"), calibration->integer("samples")};
  }
  if (const auto settings = fields.optional_object("settings")) result.settings = settings->json();
  result.environment = read_environment(fields.object("environment"));
  return result;
}

Json results_document(const std::vector<Result>& results) {
  Json document = Json::object();
  document["results"] = Json::array();
  for (const Result& result : results) document["results"].push_back(to_json(result));
  return document;
}

std::vector<Result> read_results(const std::filesystem::path& file) {
  const Json document = read_json(file);
  const std::string where = file.string();
  if (!document.is_object() || !document.contains("results") || !document["results"].is_array()) {
    throw InputError(cat(where, ": expected {\"results\": […]}, got something else; give a file ",
                         "that clipq eval or clipq bench wrote with -o"));
  }
  std::vector<Result> results;
  for (const Json& each : document["results"]) {
    results.push_back(result_from_json(each, cat(where, ": results[", results.size(), "]")));
  }
  return results;
}

}  // namespace clipq
