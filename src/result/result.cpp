#include "clipq/result/result.h"

#include <cmath>
#include <limits>

#include "clipq/core/parse_number.h"
#include "clipq/result/clip_benchmark.h"
#include "clipq/result/json_fields.h"
#include "outcomes_json.h"
#include "python_json.h"

namespace clipq {
namespace {

constexpr const char* kSchema = "clipq.result/1";

void put(Json& json, const char* key, const std::string& text) {
  if (!text.empty()) json[key] = text;
}

void put(Json& json, const char* key, std::int64_t value) {
  if (value != 0) json[key] = value;
}

void put(Json& json, const char* key, const std::vector<std::string>& texts) {
  if (!texts.empty()) json[key] = texts;
}

/// NaN where a part is unknown, that is 0.
double ratio(std::int64_t part, std::int64_t whole) {
  if (part == 0 || whole == 0) return std::numeric_limits<double>::quiet_NaN();
  return static_cast<double>(part) / static_cast<double>(whole);
}

Json calibration_json(const CalibrationInfo& calibration) {
  Json json = {{"spec", calibration.spec}, {"samples", calibration.samples}};
  put(json, "overlap", calibration.overlap);
  return json;
}

Json latency_json(const BatchLatencies& batches) {
  Json json = Json::object();
  for (const auto& [batch_size, stats] : batches) {
    json[std::to_string(batch_size)] = to_json(stats);
  }
  return json;
}

Json environment_json(const Environment& environment) {
  Json json = {{"clipq", environment.clipq},     {"libtorch", environment.libtorch},
               {"cpu", environment.cpu},         {"isa", environment.isa},
               {"threads", environment.threads}, {"time", environment.time}};
  put(json, "command", environment.command);
  return json;
}

ModelInfo read_model(const JsonFields& fields) {
  ModelInfo model;
  model.path = fields.text("path");
  model.sha256 = fields.optional_text("sha256");
  model.recipe = fields.optional_text("recipe");
  model.component = fields.optional_text("component");
  model.size_bytes = fields.optional_integer("size_bytes");
  model.float32_bytes = fields.optional_integer("float32_bytes");
  model.source_bytes = fields.optional_integer("source_bytes");
  model.mode = fields.optional_text("mode");
  model.kernels = fields.optional_text("kernels");
  model.unchecked = fields.optional_text("unchecked");
  if (const auto parts = fields.optional_object("parts")) {
    for (const auto& [part, bytes] : parts->json().items()) {
      model.parts.emplace_back(part, parts->integer(part.c_str()));
    }
  }
  return model;
}

DataInfo read_data(const JsonFields& fields) {
  DataInfo data;
  data.spec = fields.text("spec");
  data.dataset = fields.optional_text("dataset");
  data.items = fields.optional_integer("items");
  data.sha256 = fields.optional_text("sha256");
  data.templates = fields.optional_integer("templates");
  data.skipped = fields.optional_texts("skipped");
  return data;
}

BatchLatencies read_latency(const JsonFields& batches) {
  BatchLatencies latencies;
  for (const auto& [key, value] : batches.json().items()) {
    const auto batch_size = parse_number<std::int64_t>(key);
    if (!batch_size || *batch_size < 1) {
      throw InputError(cat(batches.path(key), ": expected a batch size as the key"));
    }
    const JsonFields stats = batches.object(key.c_str());
    latencies[*batch_size] = {stats.number("min_ms"), stats.number("median_ms"),
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
          fields.text("time"),
          fields.optional_text("command")};
}

/// Results of clipq 0.1 call the image tower "visual" in what they tell of layers.
Json with_image_towers(Json details) {
  for (const char* key : {"depth", "gelu", "gelu_ranges"}) {
    const auto found = details.find(key);
    if (found == details.end() || !found->is_object() || !found->contains("visual")) continue;
    (*found)["image"] = std::move((*found)["visual"]);
    found->erase("visual");
  }
  return details;
}

}  // namespace

Json to_json(const LatencyStats& stats) {
  return {{"min_ms", stats.min_ms},
          {"median_ms", stats.median_ms},
          {"p95_ms", stats.p95_ms},
          {"repeats", stats.repeats}};
}

double ModelInfo::size_mib() const { return static_cast<double>(size_bytes) / (1 << 20); }

double ModelInfo::ratio_to_float32() const { return ratio(size_bytes, float32_bytes); }

double ModelInfo::ratio_to_source() const { return ratio(size_bytes, source_bytes); }

Json to_json(const ModelInfo& model) {
  Json json = Json::object();
  json["path"] = model.path;
  put(json, "sha256", model.sha256);
  put(json, "recipe", model.recipe);
  put(json, "component", model.component);
  put(json, "size_bytes", model.size_bytes);
  if (model.size_bytes != 0) json["size_mib"] = model.size_mib();
  put(json, "float32_bytes", model.float32_bytes);
  put(json, "source_bytes", model.source_bytes);
  if (std::isfinite(model.ratio_to_float32())) json["ratio_to_float32"] = model.ratio_to_float32();
  if (std::isfinite(model.ratio_to_source())) json["ratio_to_source"] = model.ratio_to_source();
  put(json, "mode", model.mode);
  put(json, "kernels", model.kernels);
  put(json, "unchecked", model.unchecked);
  for (const auto& [part, bytes] : model.parts) json["parts"][part] = bytes;
  return json;
}

Json to_json(const DataInfo& data) {
  Json json = Json::object();
  json["spec"] = data.spec;
  put(json, "dataset", data.dataset);
  put(json, "items", data.items);
  put(json, "sha256", data.sha256);
  put(json, "templates", data.templates);
  put(json, "skipped", data.skipped);
  return json;
}

Json to_json(const Result& result) {
  Json json = Json::object();
  json["schema"] = kSchema;
  json["task"] = result.task;
  json["model"] = to_json(result.model);
  if (result.data) json["data"] = to_json(*result.data);
  for (const auto& [name, value] : result.metrics) {
    json["metrics"][name] = std::isfinite(value) ? Json(value) : Json(nullptr);
  }
  for (const auto& [tower, batches] : result.latency)
    json["latency"][tower] = latency_json(batches);
  if (result.calibration) json["calibration"] = calibration_json(*result.calibration);
  if (!result.settings.empty()) json["settings"] = result.settings;
  if (!result.details.empty()) json["details"] = result.details;
  put(json, "warnings", result.warnings);
  if (result.environment) json["environment"] = environment_json(*result.environment);
  for (const auto& [name, outcomes] : result.outcomes) {
    json["outcomes"][name] = outcomes_json(outcomes);
  }
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
    result.calibration = {calibration->text("spec"), calibration->integer("samples"),
                          calibration->optional_integer("overlap")};
  }
  if (const auto settings = fields.optional_object("settings")) result.settings = settings->json();
  if (const auto details = fields.optional_object("details")) {
    result.details = with_image_towers(details->json());
  }
  result.warnings = fields.optional_texts("warnings");
  if (const auto environment = fields.optional_object("environment")) {
    result.environment = read_environment(*environment);
  }
  if (const auto outcomes = fields.optional_object("outcomes")) {
    for (const auto& [name, value] : outcomes->json().items()) {
      result.outcomes[name] = read_outcomes(outcomes->object(name.c_str()));
    }
  }
  return result;
}

Json results_document(const std::vector<Result>& results) {
  Json document = Json::object();
  document["results"] = Json::array();
  for (const Result& result : results) document["results"].push_back(to_json(result));
  return document;
}

std::vector<Result> read_results(const std::filesystem::path& file) {
  const Json document = read_python_json(file);
  const std::string where = file.string();
  if (is_clip_benchmark_json(document)) return {result_from_clip_benchmark(document, where)};
  std::vector<Result> results;
  if (document.is_array() && !document.empty() && is_clip_benchmark_json(document.front())) {
    for (const Json& each : document) {
      results.push_back(result_from_clip_benchmark(each, cat(where, ": [", results.size(), "]")));
    }
    return results;
  }
  if (!document.is_object() || !document.contains("results") || !document["results"].is_array()) {
    throw InputError(
        cat(where, ": expected {\"results\": […]}, got something else; pass a file ",
            "of Results written by clipq eval or clipq bench, or CLIP_benchmark's JSON"));
  }
  for (const Json& each : document["results"]) {
    results.push_back(result_from_json(each, cat(where, ": results[", results.size(), "]")));
  }
  return results;
}

}  // namespace clipq
