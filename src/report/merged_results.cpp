#include "clipq/report/merged_results.h"

#include <algorithm>
#include <filesystem>

#include "clipq/core/strings.h"

namespace clipq {
namespace {

bool same_model(const ModelInfo& left, const ModelInfo& right) {
  return left.path == right.path && left.sha256 == right.sha256 && left.mode == right.mode;
}

bool same_data(const DataInfo& left, const DataInfo& right) {
  return left.spec == right.spec && left.items == right.items && left.sha256 == right.sha256 &&
         left.templates == right.templates;
}

ModelRow& row_of(const ModelInfo& model, std::vector<ModelRow>& rows) {
  const auto found = std::find_if(rows.begin(), rows.end(), [&model](const ModelRow& row) {
    return same_model(row.model, model);
  });
  if (found != rows.end()) return *found;
  rows.push_back({model, {}, {}});
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

template <typename Item>
void add_once(const Item& item, std::vector<Item>& items) {
  if (std::find(items.begin(), items.end(), item) == items.end()) items.push_back(item);
}

std::string file_name(const std::string& path) {
  return std::filesystem::path(path).filename().string();
}

}  // namespace

std::string machine_text(const Environment& environment) {
  return cat(environment.cpu, ", ", environment.isa, ", ", environment.threads,
             environment.threads == 1 ? " thread" : " threads");
}

MergedResults merge_results(const std::vector<Result>& results) {
  MergedResults merged;
  for (const Result& result : results) {
    ModelRow& row = row_of(result.model, merged.rows);
    const std::string machine = machine_text(result.environment);
    add_once(machine, merged.machines);
    if (result.data || !result.metrics.empty()) {
      const std::size_t data = index_of(result.data.value_or(DataInfo{}), merged.data);
      for (const auto& [name, value] : result.metrics) {
        const MetricColumn column{name, data};
        add_once(column, merged.metric_columns);
        row.metrics[column] = value;
      }
    }
    for (const auto& [tower, batches] : result.latency) {
      for (const auto& [batch_size, stats] : batches) {
        const LatencyColumn column{tower, batch_size};
        merged.latency_columns.insert(column);
        row.latency[column] = {stats, machine};
      }
    }
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
