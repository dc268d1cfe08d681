#pragma once

#include <optional>
#include <string>
#include <vector>

#include "clipq/report/merged_results.h"
#include "clipq/result/paired_difference.h"
#include "clipq/result/result.h"

namespace clipq {

/// One metric of two models on the same data.
struct MetricComparison {
  std::string task;
  DataInfo data;  ///< as the new model's Result has it
  std::string metric;
  double base = 0;  ///< fractions; NaN where the metric doesn't apply
  double now = 0;
  std::optional<PairedDifference> paired;  ///< where both have the items' outcomes

  /// By how much the new model is worse, as a fraction: a decrease, or an increase of a metric that
  /// is better when lower.
  double drop() const;

  /// The upper end of the drop's 95 % interval; none without outcomes.
  std::optional<double> largest_drop() const;
};

/// Median times of two models on the same machine.
struct LatencyComparison {
  LatencyColumn column;
  double base_ms = 0;
  double now_ms = 0;

  double speed_up() const { return base_ms / now_ms; }
};

/// One new model compared with the base.
struct Comparison {
  ModelInfo model;
  std::vector<MetricComparison> metrics;
  std::vector<LatencyComparison> latencies;
  std::vector<std::string> unpaired_metrics;  ///< of data that only one of the two has
  std::vector<std::string> warnings;          ///< why the numbers may not be comparable
};

struct ComparedModels {
  ModelInfo base;
  std::vector<Comparison> comparisons;  ///< in the order of the new models' first Results
};

/// What a model's size is compared with.
enum class SizeReference { kFile, kFloat32 };

/// The new model's size as a share of the base's file, or of its own parameters as float32 (the
/// base's, if its own aren't known). NaN if a size is unknown.
double size_ratio(const ModelInfo& base, const ModelInfo& now, SizeReference reference);

/// The data set's name: CLIP_benchmark's key, or its spec if it has none.
std::string data_name(const DataInfo& data);

/// Compares every model in `now` with the first one in `base`. The base itself, wherever its file
/// is, is ignored in `now` unless there is no other model. Results
/// pair by task and data: by hash, number of items and skipped items if both have a hash, else by
/// CLIP_benchmark's key. Of several partners the one with the most similar settings is used, the
/// last among equals. Throws UsageError if either is empty, or if `now` has a model of which no
/// Result finds a partner.
ComparedModels compare_results(const std::vector<Result>& base, const std::vector<Result>& now);

}  // namespace clipq
