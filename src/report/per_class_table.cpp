#include "clipq/report/per_class_table.h"

#include <filesystem>

#include "clipq/core/strings.h"
#include "clipq/report/table.h"

namespace clipq {
namespace {

constexpr const char* kPerClass = "per_class";

/// The figure of one class, in percent, and what it is most often confused with.
std::string cell(const Json& row) {
  const double value =
      row.contains("recall") ? row.value("recall", 0.0) : row.value("average_precision", 0.0);
  std::string text = fixed(100 * value, 2);
  if (row.contains("taken_for")) {
    text += cat(" (", row.value("times", 0), "x ", row.value("taken_for", ""), ")");
  }
  return text;
}

}  // namespace

std::string per_class_table(const std::vector<Result>& results) {
  std::vector<Column> columns = {{"class"}, {"items", Align::kRight}};
  std::vector<const Json*> tables;
  for (const Result& result : results) {
    if (!result.details.contains(kPerClass)) continue;
    tables.push_back(&result.details[kPerClass]);
    columns.push_back({std::filesystem::path(result.model.path).filename().string() + " %"});
  }
  if (tables.empty()) return "";
  Table table(columns);
  for (std::size_t i = 0; i < tables.front()->size(); ++i) {
    const Json& first = (*tables.front())[i];
    std::vector<std::string> cells = {first.value("class", ""), cat(first.value("items", 0))};
    for (const Json* each : tables) cells.push_back(cell((*each)[i]));
    table.add_row(std::move(cells));
  }
  return "\n" + table.text();
}

}  // namespace clipq
