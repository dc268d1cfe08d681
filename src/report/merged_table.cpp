#include "clipq/report/merged_table.h"

#include <cmath>
#include <functional>
#include <set>

#include "clipq/core/strings.h"
#include "clipq/report/add_once.h"
#include "clipq/report/against_base.h"
#include "clipq/report/number_text.h"

namespace clipq {
namespace {

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

/// How the models' sizes compare with a reference: one cell per row.
struct SizeColumn {
  std::string header;
  std::vector<std::string> cells;
};

template <typename Ratio>
SizeColumn size_column(const std::string& header, const MergedResults& merged, Ratio ratio) {
  SizeColumn column{header, {}};
  for (const ModelRow& row : merged.rows) column.cells.push_back(ratio_text(ratio(row.model)));
  return column;
}

/// The size relative to float32 and, if different, to the checkpoint file, which may be in half
/// precision. If neither is known, relative to the first row's.
std::vector<SizeColumn> size_columns(const MergedResults& merged) {
  const std::vector<std::string> unknown(merged.rows.size(), kNothing);
  const SizeColumn of_float32 =
      size_column("of float32", merged, std::mem_fn(&ModelInfo::ratio_to_float32));
  const SizeColumn of_source =
      size_column("of file", merged, std::mem_fn(&ModelInfo::ratio_to_source));
  std::vector<SizeColumn> columns;
  if (of_float32.cells != unknown) columns.push_back(of_float32);
  if (of_source.cells != unknown && of_source.cells != of_float32.cells) {
    columns.push_back(of_source);
  }
  if (columns.empty() && merged.rows.size() > 1) {
    const double base = merged.rows.front().model.size_mib();
    columns.push_back(size_column(
        "ratio", merged, [base](const ModelInfo& model) { return model.size_mib() / base; }));
    columns.back().cells.front().clear();
  }
  return columns;
}

/// Builds the table's columns and rows from the same conditions, so that they can't disagree.
class Builder {
 public:
  explicit Builder(const MergedResults& merged)
      : merged_(merged),
        base_(merged.rows.front()),
        compares_(merged.rows.size() > 1),
        shows_mode_(needs_mode_column(merged)),
        size_columns_(size_columns(merged)) {}

  Table table() const {
    Table table(columns());
    for (std::size_t i = 0; i < merged_.rows.size(); ++i) table.add_row(cells(i));
    return table;
  }

 private:
  std::vector<Column> columns() const {
    std::vector<Column> columns{{"model"}, {"recipe"}, {"component"}};
    if (shows_mode_) columns.push_back({"mode"});
    columns.push_back({"MiB", Align::kRight});
    for (const SizeColumn& each : size_columns_) columns.push_back({each.header, Align::kRight});
    const auto add = [&](const std::string& header, const std::string& comparison) {
      columns.push_back({header, Align::kRight});
      if (compares_) columns.push_back({comparison, Align::kRight});
    };
    for (const MetricColumn& each : merged_.metric_columns) {
      const bool plain = is_plain(each.name);
      add(cat(data_mark(merged_, each.data), each.name, plain ? "" : " %"),
          plain ? "difference" : "points");
    }
    for (const LatencyColumn& each : merged_.latency_columns) {
      add(cat(each.tower, " b", each.batch_size, " ms"), "speed-up");
    }
    return columns;
  }

  std::vector<std::string> cells(std::size_t index) const {
    const ModelRow& row = merged_.rows[index];
    std::vector<std::string> cells{model_label(merged_, row), or_nothing(row.model.recipe),
                                   or_nothing(row.model.component)};
    if (shows_mode_) cells.push_back(or_nothing(row.model.mode));
    cells.push_back(row.model.size_bytes > 0 ? number_text(row.model.size_mib()) : kNothing);
    for (const SizeColumn& each : size_columns_) cells.push_back(each.cells[index]);
    const auto add = [&](const std::string& value, const std::string& comparison) {
      cells.push_back(value);
      if (compares_) cells.push_back(&row == &base_ ? "" : comparison);
    };
    for (const MetricColumn& each : merged_.metric_columns)
      add(metric(row, each), points(row, each));
    for (const LatencyColumn& each : merged_.latency_columns) {
      add(latency(row, each), speed_up(row, each));
    }
    return cells;
  }

  static std::string metric(const ModelRow& row, const MetricColumn& column) {
    const auto found = row.metrics.find(column);
    return found == row.metrics.end() ? kNothing : metric_text(column.name, found->second);
  }

  std::string points(const ModelRow& row, const MetricColumn& column) const {
    const auto difference = difference_to(base_, row, column);
    if (!difference) return kNothing;
    const auto paired = paired_difference_to(base_, row, column);
    return paired ? points_text(*difference, *paired) : difference_text(column.name, *difference);
  }

  static std::string latency(const ModelRow& row, const LatencyColumn& column) {
    const auto found = row.latency.find(column);
    return found == row.latency.end() ? kNothing : number_text(found->second.stats.median_ms);
  }

  std::string speed_up(const ModelRow& row, const LatencyColumn& column) const {
    const auto ratio = speed_up_over(base_, row, column);
    return ratio ? ratio_text(*ratio) : kNothing;
  }

  const MergedResults& merged_;
  const ModelRow& base_;
  bool compares_;
  bool shows_mode_;
  std::vector<SizeColumn> size_columns_;
};

/// Empty if nothing was skipped.
std::string skipped_note(const DataInfo& data, const std::string& mark) {
  constexpr std::size_t kNamed = 3;
  if (data.skipped.empty()) return "";
  std::vector<std::string> names = data.skipped;
  if (names.size() > kNamed) {
    names.resize(kNamed);
    names.emplace_back("…");
  }
  return cat("Skipped: ", mark, data.skipped.size(), data.skipped.size() == 1 ? " item" : " items",
             " that could not be decoded: ", join(names, ", "));
}

void add_data_notes(const MergedResults& merged, std::vector<std::string>& notes) {
  for (std::size_t i = 0; i < merged.data.size(); ++i) {
    const DataInfo& data = merged.data[i];
    if (data.spec.empty()) continue;
    std::string note = cat("Data: ", data_mark(merged, i), data.spec);
    if (data.items > 0) note += cat(", ", data.items, " items");
    if (data.templates > 0) note += cat(", ", data.templates, " templates");
    if (!merged.variants[i].empty()) note += cat(", ", merged.variants[i]);
    notes.push_back(note);
    const std::string skipped = skipped_note(data, data_mark(merged, i));
    if (!skipped.empty()) notes.push_back(skipped);
  }
}

/// "native", or "float (base.pt), native (int8.pt, fp8.pt)".
std::string modes(const MergedResults& merged) {
  std::vector<std::string> names;
  for (const ModelRow& row : merged.rows) {
    add_once(or_nothing(row.model.mode), names);
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

Table merged_table(const MergedResults& merged) { return Builder(merged).table(); }

std::vector<std::string> merged_notes(const MergedResults& merged) {
  std::vector<std::string> notes;
  add_data_notes(merged, notes);
  for (const std::string& machine : merged.machines) notes.push_back("Environment: " + machine);
  notes.push_back("Mode: " + modes(merged));
  for (const std::string& warning : merged.warnings) notes.push_back("Warning: " + warning);
  return notes;
}

}  // namespace clipq
