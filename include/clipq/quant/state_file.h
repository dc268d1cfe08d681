#pragma once

#include <filesystem>
#include <string>

#include "clipq/numerics/observer.h"

namespace clipq {

/// What a cut calibration needs to go on.
struct SavedCalibration {
  std::string fingerprint;
  std::int64_t batches = 0;  ///< that have been seen
  ObserverState state;
};

/// Writes it as a pickled dictionary of tensors. Complete or not at all. Throws InputError.
void write_calibration(const std::filesystem::path& file, const SavedCalibration& saved);

/// The inverse. Throws InputError if the file is damaged.
SavedCalibration read_calibration(const std::filesystem::path& file);

}  // namespace clipq
