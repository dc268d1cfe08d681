#pragma once

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "clipq/app/rank_session.h"
#include "clipq/app/recipe_choice.h"
#include "clipq/library/quantize_opened.h"

namespace clipq {

/// clipq quantize.
struct QuantizeOptions : RecipeChoice {
  std::filesystem::path checkpoint;
  std::filesystem::path output;
  bool dry_run = false;          ///< only show what would be quantized and the resulting size
  bool resume = false;           ///< continue an interrupted calibration
  bool statistics_only = false;  ///< gather them for another call
  std::vector<std::filesystem::path> statistics = {};  ///< that workers have gathered
  std::string shard = {};              ///< "I/N": the part of the data; empty: as the launcher says
  double rank_timeout = kRankTimeout;  ///< seconds to wait for other ranks
  double save_seconds = 30;            ///< between saves of a calibration's state
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
  std::int64_t rank = 0;  ///< of those that calibrated together; only rank 0 has a whole report
  std::int64_t ranks = 1;
};

/// Loads, checks, calibrates where the recipe needs it, converts, and writes the artifact. While a
/// calibration runs, its state is kept next to the output (OUT.calibration.PASS); it is removed
/// when the artifact is written. A dry run neither calibrates nor writes. Where a launcher has
/// started several processes that can meet (rank_place()), they share the calibration, and rank 0
/// writes. Throws UsageError, InputError or Interrupted; then no output is left.
QuantizeReport quantize(const QuantizeOptions& options);

/// What a worker has gathered.
struct StatisticsReport {
  std::filesystem::path output;
  WorkerStatistics statistics = {};
  std::int64_t worker = 0;
  std::int64_t workers = 1;
  std::int64_t output_bytes = 0;
};

/// Gathers this worker's part of the statistics of the next pass and writes them to the output.
/// State is kept and removed as by quantize(). Throws what that does.
StatisticsReport gather_statistics(const QuantizeOptions& options);

/// The report as human-readable text.
std::string to_text(const QuantizeReport& report);
std::string to_text(const StatisticsReport& report);

Json to_json(const QuantizeReport& report);
Json to_json(const StatisticsReport& report);

}  // namespace clipq
