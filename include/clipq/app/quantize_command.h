#pragma once

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "clipq/app/open_model.h"

namespace clipq {

/// clipq quantize.
struct QuantizeOptions {
  std::filesystem::path checkpoint;
  std::filesystem::path output;
  std::string recipe = "int8-dynamic";
  std::vector<std::string> overrides;  ///< --set
  std::string component = "both";
  std::string calibration_data;                ///< SPEC; empty: none
  std::filesystem::path calibration_captions;  ///< empty: none
  std::int64_t calibration_samples = 0;        ///< 0: as the recipe says
  bool dry_run = false;                        ///< only say what would be on, and the size to come
  bool resume = false;                         ///< go on with a calibration that was cut
  double save_seconds = 30;                    ///< between saves of a calibration's state
  int decode_threads = 2;
  std::int64_t skip_bad = 0;  ///< so many pictures to calibrate on may be undecodable
  ModelOptions model;
};

/// What quantizing gave.
struct QuantizeReport {
  std::string quantizers;  ///< a line each
  std::string coverage;
  std::int64_t source_bytes = 0;   ///< of the file that was brought
  std::int64_t float32_bytes = 0;  ///< of its weights in float32
  std::int64_t output_bytes = 0;
  bool dry_run = false;               ///< then output_bytes is what the file would have
  bool needs_data = false;            ///< whether the recipe can't do without calibration data
  std::vector<std::string> skipped;   ///< pictures that can't be decoded and weren't calibrated on
  std::vector<std::string> warnings;  ///< what looks wrong, by quantizer
  std::vector<std::pair<std::string, double>> stage_seconds;  ///< in order
  std::int64_t peak_resident_bytes = 0;
};

/// Loads, checks, calibrates where the recipe needs it, converts, and writes the artifact. While a
/// calibration runs, its state is kept beside the output (OUT.calibration.PASS); it is removed when
/// the artifact is written. A dry run neither calibrates nor writes.
/// Throws UsageError, InputError or Interrupted; then no output is left.
QuantizeReport quantize(const QuantizeOptions& options);

/// The report as text for people.
std::string to_text(const QuantizeReport& report);

Json to_json(const QuantizeReport& report);

}  // namespace clipq
