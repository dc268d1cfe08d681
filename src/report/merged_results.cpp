#include "clipq/report/merged_results.h"

#include <algorithm>
#include <filesystem>

#include "clipq/core/strings.h"
#include "clipq/report/add_once.h"

namespace clipq {
namespace {

/// The data set's key is a name for what the spec says already: it may be missing on one side, as
/// in older files.
bool same_data(const DataInfo& left, const DataInfo& right) {
  const bool same_key =
      left.dataset == right.dataset || left.dataset.empty() || right.dataset.empty();
  return same_key && left.spec == right.spec && left.items == right.items &&
         left.sha256 == right.sha256 && left.templates == right.templates &&
         left.skipped == right.skipped;
}

ModelRow& row_of(const ModelInfo& model, std::vector<ModelRow>& rows) {
  const auto found = std::find_if(rows.begin(), rows.end(), [&model](const ModelRow& row) {
    return same_model(row.model, model);
  });
  if (found != rows.end()) return *found;
  rows.push_back({model, {}, {}, {}});
  return rows.back();
}

/// The index of `data` among all, to which it is added if it is new.
std::size_t index_of(const DataInfo& data, std::vector<DataInfo>& all) {
  const auto found = std::find_if(all.begin(), all.end(),
                                  [&data](const DataInfo& each) { return same_data(each, data); });
  const auto index = static_cast<std::size_t>(found - all.begin());
  if (found == all.end()) all.push_back(data);
  return index;
}

std::string file_name(const std::string& path) {
  return std::filesystem::path(path).filename().string();
}

void add_metrics(const Result& result, MergedResults& merged, ModelRow& row) {
  if (!result.data && result.metrics.empty()) return;
  const std::size_t data = index_of(result.data.value_or(DataInfo{}), merged.data);
  for (const auto& [name, value] : result.metrics) {
    const MetricColumn column{name, data};
    add_once(column, merged.metric_columns);
    row.metrics[column] = value;
    row.outcomes.erase(column);
    const auto outcomes = result.outcomes.find(name);
    if (outcomes != result.outcomes.end()) row.outcomes[column] = outcomes->second;
  }
}

void add_latencies(const Result& result, const std::string& machine, MergedResults& merged,
                   ModelRow& row) {
  for (const auto& [tower, batches] : result.latency) {
    for (const auto& [batch_size, stats] : batches) {
      const LatencyColumn column{tower, batch_size};
      merged.latency_columns.insert(column);
      row.latency[column] = {stats, machine};
    }
  }
}

}  // namespace

bool MeasuredLatency::comparable_with(const MeasuredLatency& other) const {
  return machine == other.machine && !machine.empty();
}

bool same_model(const ModelInfo& left, const ModelInfo& right) {
  return left.path == right.path && left.sha256 == right.sha256 && left.mode == right.mode;
}

std::string machine_text(const std::optional<Environment>& environment) {
  if (!environment) return "";
  return cat(environment->cpu, ", ", environment->isa, ", ", environment->threads,
             environment->threads == 1 ? " thread" : " threads");
}

MergedResults merge_results(const std::vector<Result>& results) {
  MergedResults merged;
  for (const Result& result : results) {
    ModelRow& row = row_of(result.model, merged.rows);
    const std::string machine = machine_text(result.environment);
    if (!machine.empty()) add_once(machine, merged.machines);
    for (const std::string& warning : result.warnings) add_once(warning, merged.warnings);
    add_metrics(result, merged, row);
    add_latencies(result, machine, merged, row);
  }
  return merged;
}

std::string model_label(const MergedResults& merged, const ModelRow& row) {
  const std::string name = file_name(row.model.path);
  const bool clash =
      std::any_of(merged.rows.begin(), merged.rows.end(), [&](const ModelRow& other) {
        return other.model.path != row.model.path && file_name(other.model.path) == name;
      });
  return clash || name.empty() ? row.model.path : name;
}

}  // namespace clipq
