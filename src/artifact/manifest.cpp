#include "clipq/artifact/manifest.h"

#include "clipq/core/error.h"
#include "clipq/core/sha256.h"
#include "clipq/core/strings.h"
#include "clipq/core/version.h"
#include "clipq/data/preprocess_json.h"
#include "clipq/model/parts.h"

namespace clipq {
namespace {

constexpr const char* kSchema = "clipq.artifact/1";
constexpr const char* kSeal = "manifest_sha256";

std::optional<OutlierSummary> outliers_from_json(const Json& json, const char* key,
                                                 const std::string& where) {
  if (!json.contains(key)) return std::nullopt;
  return OutlierSummary{json_value(json[key], "ratio", 0.0, where),
                        json_value(json[key], "share", 0.0, where)};
}

Json to_json(const QuantizerRecord& record) {
  Json json = {{"name", record.placed.name()}, {"enabled", record.placed.enabled}};
  if (!record.placed.enabled) return json;
  json.update(to_json(record.placed.spec));
  if (record.range) {
    json["amax"] = {{"min", record.range->amax_min},
                    {"max", record.range->amax_max},
                    {"count", record.range->count}};
    json["low"] = record.range->span.low;
    json["high"] = record.range->span.high;
  }
  if (record.diagnosis) {
    json["clipped"] = record.diagnosis->clipped;
    json["sqnr_db"] = record.diagnosis->sqnr_db;
    if (record.diagnosis->output_cosine) json["output_cosine"] = *record.diagnosis->output_cosine;
    if (record.diagnosis->tokens) json["tokens"] = clipq::to_json(*record.diagnosis->tokens);
    if (record.diagnosis->channels) json["channels"] = clipq::to_json(*record.diagnosis->channels);
  }
  return json;
}

QuantizerRecord record_from_json(const Json& json, const std::string& where) {
  const auto name = json_value<std::string>(json, "name", "", where);
  QuantizerRecord record;
  const std::optional<QuantizerId> id = parse_quantizer_id(name);
  if (!id) throw UsageError(cat(where, ": \"", name, "\" is no quantizer's name"));
  record.placed.id = *id;
  record.placed.tower = tower_of(name);
  if (!json.contains("enabled")) throw UsageError(cat(where, ": ", name, " lacks \"enabled\""));
  record.placed.enabled = json_value(json, "enabled", false, where);
  if (!record.placed.enabled) return record;
  record.placed.spec = quantizer_spec_from_json(json, cat(where, ": ", name));
  const std::string why = contradiction(record.placed);
  if (!why.empty()) throw UsageError(cat(where, ": ", name, ": ", why));
  if (json.contains("amax")) {
    const Json& amax = json["amax"];
    record.range = {json_value(amax, "min", 0.0, where),
                    json_value(amax, "max", 0.0, where),
                    {json_value(json, "low", 0.0, where), json_value(json, "high", 0.0, where)},
                    json_value<std::int64_t>(amax, "count", 0, where)};
  }
  if (json.contains("sqnr_db")) {
    record.diagnosis = {json_value(json, "clipped", 0.0, where),
                        json_value(json, "sqnr_db", 0.0, where),
                        {},
                        outliers_from_json(json, "tokens", where),
                        outliers_from_json(json, "channels", where)};
    if (json.contains("output_cosine")) {
      record.diagnosis->output_cosine = json_value(json, "output_cosine", 0.0, where);
    }
  }
  return record;
}

/// Artifacts of clipq 0.1 have no seal.
void require_seal(Json json, const std::string& where) {
  if (!json.contains(kSeal)) return;
  const Json seal = json[kSeal];
  json.erase(kSeal);
  if (seal == sha256_of(json.dump())) return;
  throw InputError(cat(where, ": the manifest was changed after clipq wrote it (its SHA-256 isn't ",
                       kSeal, "); quantize the checkpoint again"));
}

Manifest parse(const Json& json, const std::string& where) {
  const Json empty = Json::object();
  Manifest manifest;
  manifest.config = config_from_json(json_value(json, "config", empty, where), where);
  manifest.preprocess = preprocess_from_json(json_value(json, "preprocess", empty, where), where);
  validate(manifest.preprocess, where);
  const auto& image = manifest.config.image;
  if (image && manifest.preprocess.size != image->resolution) {
    throw UsageError(cat(where, ": preprocessing makes images of ", manifest.preprocess.size,
                         " pixels, the model takes ", image->resolution));
  }
  const Json source = json_value(json, "source", empty, where);
  manifest.source.file = json_value<std::string>(source, "file", "", where);
  manifest.source.sha256 = json_value<std::string>(source, "sha256", "", where);
  manifest.source.size_bytes = json_value<std::int64_t>(source, "size_bytes", 0, where);
  manifest.source.float32_bytes = json_value<std::int64_t>(source, "float32_bytes", 0, where);
  manifest.tensors_sha256 = json_value<std::string>(json, "tensors_sha256", "", where);
  manifest.tokenizer_sha256 = json_value<std::string>(json, "tokenizer_sha256", "", where);
  manifest.source.unchecked = json_value<std::string>(source, "unchecked", "", where);
  Quantization& quantization = manifest.quantization;
  quantization.recipe = json_value(json, "recipe", empty, where);
  quantization.recipe_name =
      json_value<std::string>(quantization.recipe, "name", "", cat(where, ": recipe"));
  quantization.component = json_value<std::string>(json, "component", "", where);
  if (const auto found = json.find("calibration"); found != json.end() && !found->is_null()) {
    quantization.calibration =
        calibration_provenance_from_json(*found, cat(where, ": calibration"));
  }
  quantization.warnings = json_value(json, "warnings", quantization.warnings, where);
  for (const Json& record : json_value(json, "quantizers", Json::array(), where)) {
    quantization.quantizers.push_back(record_from_json(record, where));
  }
  return manifest;
}

}  // namespace

Json to_json(const Manifest& manifest) {
  const Quantization& quantization = manifest.quantization;
  Json json = {
      {"schema", kSchema},
      {"clipq", kVersion},
      {"config", to_json(manifest.config)},
      {"recipe", quantization.recipe},
      {"component", quantization.component},
      {"source",
       {{"file", manifest.source.file},
        {"sha256", manifest.source.sha256},
        {"size_bytes", manifest.source.size_bytes},
        {"float32_bytes", manifest.source.float32_bytes}}},
  };
  if (manifest.config.image) json["preprocess"] = to_json(manifest.preprocess);
  if (!manifest.tensors_sha256.empty()) json["tensors_sha256"] = manifest.tensors_sha256;
  if (!manifest.tokenizer_sha256.empty()) json["tokenizer_sha256"] = manifest.tokenizer_sha256;
  if (!manifest.source.unchecked.empty()) json["source"]["unchecked"] = manifest.source.unchecked;
  if (quantization.calibration) json["calibration"] = to_json(*quantization.calibration);
  if (!quantization.warnings.empty()) json["warnings"] = quantization.warnings;
  Json quantizers = Json::array();
  for (const QuantizerRecord& record : quantization.quantizers) {
    quantizers.push_back(to_json(record));
  }
  json["quantizers"] = std::move(quantizers);
  return json;
}

Json to_sealed_json(const Manifest& manifest) {
  Json json = to_json(manifest);
  json[kSeal] = sha256_of(json.dump());
  return json;
}

Manifest manifest_from_json(const Json& json, const std::string& where) {
  const auto schema = json.is_object() ? json_value<std::string>(json, "schema", "", where) : "";
  if (schema != kSchema) {
    throw InputError(cat(where, ": its manifest says schema \"", schema, "\", expected \"", kSchema,
                         "\"; it was written by another version of clipq"));
  }
  require_seal(json, where);
  try {
    return parse(json, where);
  } catch (const UsageError& failure) {
    throw InputError(failure.what(), failure.advice());
  }
}

}  // namespace clipq
