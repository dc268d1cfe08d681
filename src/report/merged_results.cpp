#include "clipq/report/merged_results.h"

#include <algorithm>
#include <filesystem>

#include "clipq/core/strings.h"
#include "clipq/report/add_once.h"
#include "clipq/result/same_data.h"

namespace clipq {
namespace {

/// Whether measurements on them can share a column.
bool can_share(const DataInfo& left, const DataInfo& right) {
  const bool counts_agree = left.items == right.items || left.items == 0 || right.items == 0;
  return same_data(left, right) && counts_agree && left.skipped == right.skipped &&
         left.templates == right.templates;
}

ModelRow& row_of(const ModelInfo& model, std::vector<ModelRow>& rows) {
  const auto found = std::find_if(rows.begin(), rows.end(), [&model](const ModelRow& row) {
    return same_model(row.model, model);
  });
  if (found != rows.end()) return *found;
  rows.push_back({model, {}, {}, {}});
  return rows.back();
}

/// The batch size belongs to how a model runs, not to what is measured.
Json protocol_of(const Result& result) {
  Json settings = result.settings;
  if (settings.is_object()) settings.erase("batch_size");
  return settings;
}

/// The settings that distinguish it: "features pooled", "prompts_sha256 0123abcd".
std::string differing_text(const Json& settings, const Json& others) {
  constexpr std::size_t kMost = 12;
  std::vector<std::string> texts;
  for (const auto& [key, value] : settings.items()) {
    if (others.value(key, Json()) == value) continue;
    const std::string text = value.is_string() ? value.get<std::string>() : value.dump();
    texts.push_back(cat(key, " ", text.substr(0, kMost)));
  }
  return join(texts, ", ");
}

/// Finds columns for measurements: those of the same name, data and protocol share one.
class ColumnFinder {
 public:
  explicit ColumnFinder(MergedResults& merged) : merged_(&merged) {}

  /// The index of the Result's data, which are added if they are new or were measured with another
  /// protocol.
  std::size_t data_of(const Result& result) {
    const DataInfo data = result.data.value_or(DataInfo{});
    const Json protocol = protocol_of(result);
    const Json* other = nullptr;
    std::size_t first = 0;
    for (std::size_t i = 0; i < merged_->data.size(); ++i) {
      if (!can_share(merged_->data[i], data)) continue;
      const Json* conflict = conflicting(result, i, protocol);
      if (conflict == nullptr) return take(result, i, protocol);
      if (other == nullptr) {
        other = conflict;
        first = i;
      }
    }
    merged_->data.push_back(data);
    merged_->variants.emplace_back();
    if (other != nullptr) {
      merged_->variants.back() = differing_text(protocol, *other);
      std::string& first_variant = merged_->variants[first];
      if (first_variant.empty()) first_variant = differing_text(*other, protocol);
    }
    return take(result, merged_->data.size() - 1, protocol);
  }

 private:
  /// The other protocol by which one of the Result's metrics was measured on the data, or null.
  const Json* conflicting(const Result& result, std::size_t data, const Json& protocol) const {
    for (const auto& [name, value] : result.metrics) {
      const auto found = protocols_.find({name, data});
      if (found != protocols_.end() && found->second != protocol) return &found->second;
    }
    return nullptr;
  }

  std::size_t take(const Result& result, std::size_t data, const Json& protocol) {
    for (const auto& [name, value] : result.metrics) protocols_[{name, data}] = protocol;
    return data;
  }

  MergedResults* merged_;
  std::map<MetricColumn, Json> protocols_;
};

std::string file_name(const std::string& path) {
  return std::filesystem::path(path).filename().string();
}

void add_metrics(const Result& result, ColumnFinder& finder, MergedResults& merged, ModelRow& row) {
  if (!result.data && result.metrics.empty()) return;
  const std::size_t data = finder.data_of(result);
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

bool same_file(const ModelInfo& left, const ModelInfo& right) {
  if (left.sha256.empty() || right.sha256.empty()) {
    return left.path == right.path && left.sha256 == right.sha256;
  }
  return left.sha256 == right.sha256;
}

bool same_model(const ModelInfo& left, const ModelInfo& right) {
  return same_file(left, right) && left.mode == right.mode;
}

std::string machine_text(const std::optional<Environment>& environment) {
  if (!environment) return "";
  return cat(environment->cpu, ", ", environment->isa, ", ", environment->threads,
             environment->threads == 1 ? " thread" : " threads");
}

MergedResults merge_results(const std::vector<Result>& results) {
  MergedResults merged;
  ColumnFinder finder(merged);
  for (const Result& result : results) {
    ModelRow& row = row_of(result.model, merged.rows);
    const std::string machine = machine_text(result.environment);
    if (!machine.empty()) add_once(machine, merged.machines);
    for (const std::string& warning : result.warnings) add_once(warning, merged.warnings);
    add_metrics(result, finder, merged, row);
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
