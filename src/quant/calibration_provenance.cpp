#include "clipq/quant/calibration_provenance.h"

#include <set>

#include "clipq/core/error.h"

namespace clipq {
namespace {

constexpr std::size_t kDigits = 16;
constexpr const char* kCalibration = "calibration";
constexpr const char* kDiagnosis = "diagnosis";

CalibrationUse use_from_json(const Json& json, const std::string& where) {
  const auto name = json_value<std::string>(json, "used_for", kCalibration, where);
  if (name == kCalibration) return CalibrationUse::kCalibration;
  if (name == kDiagnosis) return CalibrationUse::kDiagnosis;
  throw UsageError(cat(where, ": \"used_for\" is \"", name, "\", expected \"", kCalibration,
                       "\" or \"", kDiagnosis, "\""));
}

}  // namespace

Json to_json(const CalibrationProvenance& provenance) {
  Json json = {
      {"spec", provenance.spec},
      {"used_for", provenance.used_for == CalibrationUse::kCalibration ? kCalibration : kDiagnosis},
      {"samples", provenance.samples},
      {"images", provenance.images},
      {"captions", provenance.captions},
      {"sha256", provenance.sha256},
      {"image_hashes", provenance.image_hashes}};
  if (!provenance.skipped.empty()) json["skipped"] = provenance.skipped;
  return json;
}

CalibrationProvenance calibration_provenance_from_json(const Json& json, const std::string& where) {
  if (!json.is_object()) throw UsageError(cat(where, ": expected an object"));
  CalibrationProvenance provenance;
  provenance.spec = json_value<std::string>(json, "spec", "", where);
  provenance.used_for = use_from_json(json, where);
  provenance.samples = json_value<std::int64_t>(json, "samples", 0, where);
  provenance.images = json_value<std::int64_t>(json, "images", 0, where);
  provenance.captions = json_value<std::int64_t>(json, "captions", 0, where);
  provenance.sha256 = json_value<std::string>(json, "sha256", "", where);
  provenance.image_hashes = json_value<std::string>(json, "image_hashes", "", where);
  provenance.skipped = json_value(json, "skipped", provenance.skipped, where);
  return provenance;
}

std::string short_hashes(const ContentHash& content) {
  std::string all;
  for (const std::string& hash : content.images) all += hash.substr(0, kDigits);
  return all;
}

std::int64_t count_calibrated(const ContentHash& content,
                              const CalibrationProvenance& calibration) {
  const std::string& all = calibration.image_hashes;
  std::set<std::string> calibrated;
  for (std::size_t i = 0; i + kDigits <= all.size(); i += kDigits) {
    calibrated.insert(all.substr(i, kDigits));
  }
  std::int64_t count = 0;
  for (const std::string& hash : content.images) count += calibrated.count(hash.substr(0, kDigits));
  return count;
}

}  // namespace clipq
