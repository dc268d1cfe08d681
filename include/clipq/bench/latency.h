#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "clipq/model/clip_model.h"
#include "clipq/result/result.h"

namespace clipq {

/// How latencies are measured.
struct LatencyOptions {
  std::vector<std::int64_t> batch_sizes = {1, 32};
  bool image = true;
  bool text = true;
  std::int64_t warm_up = 5;        ///< runs of each model before its times count
  std::int64_t min_repeats = 10;   ///< timed runs of each model at least
  std::int64_t max_repeats = 100;  ///< at most
  double seconds = 3;              ///< per model, tower and batch size, once min_repeats are done
};

/// Minimum, median and 95th percentile (nearest rank) of times in ms, at least one.
LatencyStats latency_stats(std::vector<double> milliseconds);

/// Times several tasks fairly: after the warm-up each runs once in turn, again and again.
/// @return the statistics of each, in the order of `tasks`
std::vector<LatencyStats> time_interleaved(const std::vector<std::function<void()>>& tasks,
                                           const LatencyOptions& options);

/// Latencies by tower ("image", "text": full context) and batch size, in ms for the whole batch.
using Latencies = std::map<std::string, BatchLatencies>;

/// Measures all models, interleaved with each other, on fixed random inputs.
/// @return one Latencies a model
std::vector<Latencies> measure_latencies(const std::vector<const ClipModel*>& models,
                                         const LatencyOptions& options);

}  // namespace clipq
