#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "clipq/core/json.h"

namespace clipq {

/// The model that was measured. Strings that are empty don't apply and aren't written.
struct ModelInfo {
  std::string path;
  std::string sha256;
  std::string recipe;              ///< the recipe's name
  std::string component;           ///< "image", "text" or "both": what the recipe was applied to
  std::int64_t size_bytes = 0;     ///< of the file; 0: unknown
  std::int64_t float32_bytes = 0;  ///< all parameters as float32; 0: unknown
  std::int64_t source_bytes = 0;   ///< the original checkpoint file; 0: unknown
  std::string mode;                ///< "float", "simulate" or "native"
  std::string kernels;             ///< native: the kernels' paths, "avx512-vnni"
  /// Set if its checkpoint was not compared with its own code: what was assumed. Empty: it was.
  std::string unchecked = {};
  /// Bytes of the file by part of the model; they sum to size_bytes. Empty: unknown.
  std::vector<std::pair<std::string, std::int64_t>> parts = {};

  double size_mib() const;

  /// The file's size as a share of float32_bytes and of source_bytes; NaN if one is unknown.
  double ratio_to_float32() const;
  double ratio_to_source() const;
};

/// The data that it was measured on.
struct DataInfo {
  std::string spec;
  std::string dataset;               ///< CLIP_benchmark's key, "cifar100"; empty: not written
  std::int64_t items = 0;            ///< that were used; 0: unknown
  std::string sha256;                ///< empty: not written
  std::int64_t templates = 0;        ///< prompt templates; 0: not written
  std::vector<std::string> skipped;  ///< items that could not be decoded, by name
};

/// The per-item outcomes of a metric that is a mean over items: the basis of paired comparisons.
struct Outcomes {
  std::string hits;  ///< one character per item: '1' for a hit, '0' otherwise
  /// The class of each item, if the metric is the mean of the classes' means; else empty.
  std::vector<std::int64_t> strata;
  /// Lengths of runs of items that belong together (the captions of one image), if they do; the
  /// lengths sum to the number of items. Empty: every item stands alone.
  std::vector<std::int64_t> clusters;
};

/// Times of a whole batch, in milliseconds.
struct LatencyStats {
  double min_ms = 0;
  double median_ms = 0;
  double p95_ms = 0;
  std::int64_t repeats = 0;
};

/// Its members by their names.
Json to_json(const LatencyStats& stats);

/// Where it was measured.
struct Environment {
  std::string clipq;     ///< version
  std::string libtorch;  ///< version
  std::string cpu;
  std::string isa;
  int threads = 0;
  std::string time;          ///< ISO 8601, UTC
  std::string command = {};  ///< the command line that measured it; empty: unknown
};

/// What a quantized model was calibrated on.
struct CalibrationInfo {
  std::string spec;
  std::int64_t samples = 0;
  std::int64_t overlap = 0;  ///< images of it that are also among the evaluated ones
};

/// Batch size -> times.
using BatchLatencies = std::map<std::int64_t, LatencyStats>;

/// One measurement of one model, schema "clipq.result/1": docs/results.md.
struct Result {
  std::string task;  ///< "zeroshot_classification", …; "bench"
  ModelInfo model;
  std::optional<DataInfo> data;
  /// CLIP_benchmark's key -> fraction, in the order of writing. NaN is written as null.
  std::vector<std::pair<std::string, double>> metrics;
  std::map<std::string, Outcomes> outcomes;       ///< by metric
  std::map<std::string, BatchLatencies> latency;  ///< "image", "text", "text_prompts"
  std::optional<CalibrationInfo> calibration;
  /// Choices that affect the numbers (batch size, the probe's protocol); an object, empty if none.
  Json settings = Json::object();
  /// More than numbers that can be compared (a per-class table, a similarity map); an object.
  Json details = Json::object();
  std::vector<std::string> warnings;
  std::optional<Environment> environment;  ///< absent: unknown, as in other programs' files
};

/// The Result, or that part of it, as JSON. What doesn't apply is absent.
Json to_json(const Result& result);
Json to_json(const ModelInfo& model);
Json to_json(const DataInfo& data);

/// Throws InputError that names `where` and the key if the schema is another one, a key is missing
/// or has the wrong type. Unknown keys are ignored.
Result result_from_json(const Json& json, const std::string& where);

/// {"results": [Result, …]}: what -o and --json write.
Json results_document(const std::vector<Result>& results);

/// Reads such a file, or one that CLIP_benchmark wrote, or a list of CLIP_benchmark's documents.
/// Throws InputError.
std::vector<Result> read_results(const std::filesystem::path& file);

}  // namespace clipq
