#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "clipq/bench/latency.h"
#include "clipq/library/open_model.h"

namespace clipq {

/// clipq bench.
struct BenchOptions {
  std::vector<std::filesystem::path> models;
  LatencyOptions latency;
  ModelOptions model;
  bool profile = false;  ///< also time every layer
  /// Images that are embedded end to end, by the image towers; empty: that isn't timed.
  std::filesystem::path images = {};
  std::int64_t image_limit = 256;  ///< only so many of them
  int decode_threads = 2;
};

/// One Result per model, in order; the models' runs are interleaved. In addition to latencies,
/// under details "bench": throughput and operations per second by what was timed and batch size,
/// and their shares of the machine's GEMM peak and memory bandwidth, which are measured too;
/// seconds to read and to load the file and to the first embedding; memory; with `profile`, the
/// layers' times; with `images`, what it takes to embed them.
std::vector<Result> bench(const BenchOptions& options);

/// Opens the first model and returns a function that runs it once for a request such as "image 32"
/// ("text 1", "text_prompts 8") and returns the milliseconds: for scripts that alternate
/// with other programs. It throws UsageError for any other request.
std::function<double(const std::string& request)> bench_on_request(const BenchOptions& options);

}  // namespace clipq
