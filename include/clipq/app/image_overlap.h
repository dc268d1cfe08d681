#pragma once

#include <string>

#include "clipq/core/json.h"
#include "clipq/data/content_hash.h"

namespace clipq {

/// The first 16 hexadecimal digits of each image's hash, one after the other: what an artifact
/// keeps of its calibration images.
std::string short_hashes(const ContentHash& content);

/// How many of the images are among those that a calibration's provenance names; 0 if it names
/// none.
std::int64_t count_calibrated(const ContentHash& content, const Json& calibration);

}  // namespace clipq
