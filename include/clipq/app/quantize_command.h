#pragma once

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "clipq/library/open_model.h"

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
  bool dry_run = false;      ///< only show what would be quantized and the resulting size
  bool resume = false;       ///< continue an interrupted calibration
  double save_seconds = 30;  ///< between saves of a calibration's state
  int decode_threads = 2;
  std::int64_t skip_bad = 0;  ///< maximum number of undecodable calibration images
  ModelOptions model;
};

/// The outcome of quantizing.
struct QuantizeReport {
  std::string quantizers;  ///< one per line
  std::string coverage;
  std::int64_t source_bytes = 0;   ///< of the checkpoint file
  std::int64_t float32_bytes = 0;  ///< of its weights in float32
  std::int64_t output_bytes = 0;
  bool dry_run = false;               ///< then output_bytes is the size the file would have
  bool needs_data = false;            ///< whether the recipe requires calibration data
  std::vector<std::string> skipped;   ///< undecodable images that were not calibrated on
  std::vector<std::string> warnings;  ///< suspicious findings, by quantizer
  std::vector<std::pair<std::string, double>> stage_seconds;  ///< in order
  std::int64_t peak_resident_bytes = 0;
};

/// Loads, checks, calibrates where the recipe needs it, converts, and writes the artifact. While a
/// calibration runs, its state is kept next to the output (OUT.calibration.PASS); it is removed
/// when the artifact is written. A dry run neither calibrates nor writes. Throws UsageError,
/// InputError or Interrupted; then no output is left.
QuantizeReport quantize(const QuantizeOptions& options);

/// The report as human-readable text.
std::string to_text(const QuantizeReport& report);

Json to_json(const QuantizeReport& report);

}  // namespace clipq
