#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "clipq/model/clip_model.h"
#include "clipq/result/result.h"

namespace clipq {

/// Larger batches are mistakes: they would exhaust memory.
inline constexpr std::int64_t kLargestBatch = 65536;

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

/// A model and what its text tower is timed with besides random ids.
struct TimedModel {
  const ClipModel* model = nullptr;
  at::Tensor prompts;  ///< token ids of real prompts [n, context_length]; undefined: none
};

/// Latencies by what runs and batch size, in ms for the whole batch: "image"; "text", which fills
/// the context; "text_prompts", real prompts, computed only up to the longest one.
using Latencies = std::map<std::string, BatchLatencies>;

/// One forward of a model on fixed inputs.
struct TimedTask {
  std::function<void()> run;
  std::int64_t operations = 0;  ///< of linears and attention's products; a multiply-add counts two
};

/// "image", "text" or "text_prompts" of a model at a batch size. Throws UsageError for another name
/// or if the model has no such tower or no prompts.
TimedTask timed_task(const TimedModel& model, const std::string& what, std::int64_t batch);

/// The time of one run, in milliseconds.
double milliseconds_of(const std::function<void()>& run);

/// Measures all models, interleaved with each other, on fixed inputs: random pixels, random ids,
/// and the models' prompts, if all have some, repeated from the first one if a batch is
/// larger. A tower is timed if all models have it. Throws UsageError if none is left.
/// @return one Latencies per model
std::vector<Latencies> measure_latencies(const std::vector<TimedModel>& models,
                                         const LatencyOptions& options);

}  // namespace clipq
