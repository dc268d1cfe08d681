#include "clipq/report/result_table.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "clipq/core/strings.h"
#include "clipq/report/merged_results.h"
#include "clipq/report/table.h"

namespace clipq {
namespace {

constexpr const char* kNothing = "-";
constexpr double kPercent = 100;

std::string or_nothing(const std::string& text) { return text.empty() ? kNothing : text; }

std::string number(double value) { return std::isfinite(value) ? fixed(value, 2) : "n/a"; }

/// With its sign; what rounds to zero has none.
std::string signed_number(double value) {
  if (!std::isfinite(value)) return "n/a";
  const double rounded = std::round(value * 100) / 100;
  return rounded == 0 ? fixed(0, 2) : cat(rounded > 0 ? "+" : "", fixed(rounded, 2));
}

std::string times(double ratio) { return std::isfinite(ratio) ? fixed(ratio, 2) + "x" : kNothing; }

/// Whether a model occurs in several modes, so that the rows need to say which.
bool needs_mode_column(const MergedResults& merged) {
  std::set<std::string> paths;
  for (const ModelRow& row : merged.rows) {
    if (!paths.insert(row.model.path).second) return true;
  }
  return false;
}

/// "[2] " if there are several data sets.
std::string data_mark(const MergedResults& merged, std::size_t data) {
  return merged.data.size() > 1 ? cat("[", data + 1, "] ") : "";
}

/// Builds the table's columns and rows from the same few questions, so that they can't disagree.
class Builder {
 public:
  explicit Builder(const MergedResults& merged)
      : merged_(merged),
        base_(merged.rows.front()),
        compares_(merged.rows.size() > 1),
        shows_mode_(needs_mode_column(merged)) {}

  std::string text() const {
    Table table(columns());
    for (const ModelRow& row : merged_.rows) table.add_row(cells(row));
    return table.text();
  }

 private:
  std::vector<Column> columns() const {
    std::vector<Column> columns{{"model"}, {"recipe"}, {"component"}};
    if (shows_mode_) columns.push_back({"mode"});
    const auto add = [&](const std::string& header, const std::string& comparison) {
      columns.push_back({header, Align::kRight});
      if (compares_) columns.push_back({comparison, Align::kRight});
    };
    add("MiB", "ratio");
    for (const MetricColumn& each : merged_.metric_columns) {
      add(cat(data_mark(merged_, each.data), each.name, " %"), "points");
    }
    for (const LatencyColumn& each : merged_.latency_columns) {
      add(cat(each.tower, " b", each.batch_size, " ms"), "speed-up");
    }
    return columns;
  }

  std::vector<std::string> cells(const ModelRow& row) const {
    std::vector<std::string> cells{model_label(merged_, row), or_nothing(row.model.recipe),
                                   or_nothing(row.model.component)};
    if (shows_mode_) cells.push_back(or_nothing(row.model.mode));
    const auto add = [&](const std::string& value, const std::string& comparison) {
      cells.push_back(value);
      if (compares_) cells.push_back(&row == &base_ ? "" : comparison);
    };
    add(number(row.model.size_mib()), times(row.model.size_mib() / base_.model.size_mib()));
    for (const MetricColumn& each : merged_.metric_columns)
      add(metric(row, each), points(row, each));
    for (const LatencyColumn& each : merged_.latency_columns) {
      add(latency(row, each), speed_up(row, each));
    }
    return cells;
  }

  static std::string metric(const ModelRow& row, const MetricColumn& column) {
    const auto found = row.metrics.find(column);
    return found == row.metrics.end() ? kNothing : number(kPercent * found->second);
  }

  std::string points(const ModelRow& row, const MetricColumn& column) const {
    const auto found = row.metrics.find(column);
    const auto base = base_.metrics.find(column);
    if (found == row.metrics.end() || base == base_.metrics.end()) return kNothing;
    return signed_number(kPercent * (found->second - base->second));
  }

  static std::string latency(const ModelRow& row, const LatencyColumn& column) {
    const auto found = row.latency.find(column);
    return found == row.latency.end() ? kNothing : number(found->second.stats.median_ms);
  }

  std::string speed_up(const ModelRow& row, const LatencyColumn& column) const {
    const auto found = row.latency.find(column);
    const auto base = base_.latency.find(column);
    if (found == row.latency.end() || base == base_.latency.end()) return kNothing;
    if (found->second.machine != base->second.machine) return kNothing;
    return times(base->second.stats.median_ms / found->second.stats.median_ms);
  }

  const MergedResults& merged_;
  const ModelRow& base_;
  bool compares_;
  bool shows_mode_;
};

std::string data_lines(const MergedResults& merged) {
  std::string lines;
  for (std::size_t i = 0; i < merged.data.size(); ++i) {
    const DataInfo& data = merged.data[i];
    if (data.spec.empty()) continue;
    lines += cat("Data: ", data_mark(merged, i), data.spec, ", ", data.items, " items");
    if (data.templates > 0) lines += cat(", ", data.templates, " templates");
    lines += "\n";
  }
  return lines;
}

/// "native", or "float (base.pt), native (int8.pt, fp8.pt)".
std::string modes(const MergedResults& merged) {
  std::vector<std::string> names;
  for (const ModelRow& row : merged.rows) {
    const std::string mode = or_nothing(row.model.mode);
    if (std::find(names.begin(), names.end(), mode) == names.end()) names.push_back(mode);
  }
  if (names.size() == 1) return names.front();
  for (std::string& name : names) {
    std::vector<std::string> models;
    for (const ModelRow& row : merged.rows) {
      if (or_nothing(row.model.mode) == name) models.push_back(model_label(merged, row));
    }
    name += cat(" (", join(models, ", "), ")");
  }
  return join(names, ", ");
}

}  // namespace

std::string result_table(const std::vector<Result>& results) {
  if (results.empty()) return "";
  const MergedResults merged = merge_results(results);
  std::string text = Builder(merged).text() + "\n" + data_lines(merged);
  for (const std::string& machine : merged.machines) text += cat("Environment: ", machine, "\n");
  return text + cat("Mode: ", modes(merged), "\n");
}

}  // namespace clipq
