#pragma once

#include <filesystem>
#include <string>

#include "clipq/numerics/observer.h"
#include "clipq/quant/calibrate.h"

namespace clipq {

/// What was gathered in a pass over some of its batches: of a calibration that was cut, or one
/// worker's part.
struct SavedCalibration {
  std::string fingerprint;  ///< of all that the result depends on
  std::string pass;
  BatchRange batches;             ///< that have been seen
  std::int64_t pass_batches = 0;  ///< of the whole pass; 0: not known
  std::string data = {};          ///< a description of the data, for a part
  ObserverState state;
};

/// A pickled dictionary of tensors.
std::string to_bytes(const SavedCalibration& saved);

/// The inverse, of a worker's statistics. Throws InputError that names `where` if they are damaged
/// or another version's.
SavedCalibration statistics_from_bytes(const std::string& bytes, const std::string& where);

/// Writes its bytes. Complete or not at all. Throws InputError.
void write_calibration(const std::filesystem::path& file, const SavedCalibration& saved);

/// The inverse, of the state of a calibration that was cut. Throws InputError if the file is
/// damaged or another version's.
SavedCalibration read_calibration(const std::filesystem::path& file);

/// The same of a worker's statistics.
SavedCalibration read_statistics(const std::filesystem::path& file);

}  // namespace clipq
