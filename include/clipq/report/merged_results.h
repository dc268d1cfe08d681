#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "clipq/result/result.h"

namespace clipq {

/// One metric on one data set; `data` counts in MergedResults::data.
struct MetricColumn {
  std::string name;
  std::size_t data = 0;
  auto operator<=>(const MetricColumn&) const = default;
};

/// One tower's latency at one batch size.
struct LatencyColumn {
  std::string tower;
  std::int64_t batch_size = 0;
  auto operator<=>(const LatencyColumn&) const = default;
};

struct MeasuredLatency {
  LatencyStats stats;
  std::string machine;  ///< machine_text() of where it was measured

  /// Whether the two were measured on the same, known machine.
  bool comparable_with(const MeasuredLatency& other) const;
};

/// All that is known about one model in one mode.
struct ModelRow {
  ModelInfo model;
  std::map<MetricColumn, double> metrics;
  std::map<MetricColumn, Outcomes> outcomes;
  std::map<LatencyColumn, MeasuredLatency> latency;
};

/// Results side by side: one row per model, in the order of their first Results. The other rows are
/// compared with the first one.
struct MergedResults {
  std::vector<ModelRow> rows;
  std::vector<DataInfo> data;  ///< in order of appearance; the same data again for another protocol
  /// For each of the data: the settings that distinguish it from the same data, "features
  /// pooled".
  std::vector<std::string> variants;
  std::vector<MetricColumn> metric_columns;  ///< in order of appearance
  std::set<LatencyColumn> latency_columns;
  std::vector<std::string> machines;  ///< without duplicates, in order of appearance
  std::vector<std::string> warnings;  ///< likewise
};

/// Whether both are the same file, wherever it is: with the same digest or, if one is unknown, the
/// same path.
bool same_file(const ModelInfo& left, const ModelInfo& right);

/// Whether both are the same file in the same mode.
bool same_model(const ModelInfo& left, const ModelInfo& right);

/// Merges Results about the same model; of two for the same column, which has one name, data and
/// settings, the later one is used.
MergedResults merge_results(const std::vector<Result>& results);

/// CPU, instruction set and threads as one phrase, for instance "EPYC 7B12, AVX2, 2 threads"; empty
/// if unknown.
std::string machine_text(const std::optional<Environment>& environment);

/// The name of the row: its file name, or its path if another row's file has the same name.
std::string model_label(const MergedResults& merged, const ModelRow& row);

}  // namespace clipq
