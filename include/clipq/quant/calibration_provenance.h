#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "clipq/core/json.h"
#include "clipq/data/content_hash.h"

namespace clipq {

/// What calibration data were run for.
enum class CalibrationUse {
  kCalibration,  ///< ranges or an algorithm
  kDiagnosis     ///< the recipe needs none: only for how well the quantizers fit
};

/// The data that a model was calibrated on, as its artifact's manifest keeps it.
struct CalibrationProvenance {
  std::string spec;  ///< what the user called them
  CalibrationUse used_for = CalibrationUse::kCalibration;
  std::int64_t samples = 0;   ///< image-caption pairs; images or captions if there were no others
  std::int64_t images = 0;    ///< that the image tower ran on
  std::int64_t captions = 0;  ///< that the text tower ran on
  std::string sha256;         ///< of the content
  std::string image_hashes;   ///< short_hashes() of the images
  std::vector<std::string> skipped = {};  ///< names of images that couldn't be decoded
};

Json to_json(const CalibrationProvenance& provenance);

/// The inverse. Throws UsageError that names `where`.
CalibrationProvenance calibration_provenance_from_json(const Json& json, const std::string& where);

/// The first 16 hexadecimal digits of each image's hash, one after the other.
std::string short_hashes(const ContentHash& content);

/// How many of the images were calibrated on.
std::int64_t count_calibrated(const ContentHash& content, const CalibrationProvenance& calibration);

}  // namespace clipq
