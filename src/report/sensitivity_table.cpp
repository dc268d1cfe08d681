#include "clipq/report/sensitivity_table.h"

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "clipq/core/error.h"
#include "clipq/core/strings.h"
#include "clipq/report/number_text.h"
#include "clipq/report/table.h"
#include "json_cells.h"

namespace clipq {
namespace {

std::string agreement_text(const Json& measured) {
  return measured.contains("agreement") ? percent_text(measured.at("agreement").get<double>())
                                        : kNothing;
}

void add_cells(std::vector<std::string>& cells, const Json& measured, const std::string& metric) {
  cells.push_back(fixed(number_of(measured.at("cosine")), 6));
  cells.push_back(agreement_text(measured));
  cells.push_back(metric_text(metric, number_of(measured.at("metrics").at(metric))));
  cells.push_back(interval_text(measured.at("differences").at(metric)));
}

/// What is shown first if groups are sorted by their effects.
std::pair<double, double> effect(const Json& group) {
  const Json& alone = group.at("one_only");
  const double cosine = number_of(alone.at("cosine"));
  return {alone.value("agreement", 0.0), std::isnan(cosine) ? -1 : cosine};
}

std::vector<Json> sorted(const Json& groups, GroupOrder order) {
  std::vector<Json> rows(groups.begin(), groups.end());
  if (order == GroupOrder::kDepth) return rows;
  std::stable_sort(rows.begin(), rows.end(),
                   [](const Json& a, const Json& b) { return effect(a) < effect(b); });
  return rows;
}

std::string baselines_text(const Result& result, const Json& details, const std::string& metric) {
  const Json& quantized = details.at("quantized");
  const auto of_float = std::find_if(result.metrics.begin(), result.metrics.end(),
                                     [&metric](const auto& each) { return each.first == metric; });
  std::vector<std::string> cosines;
  for (const auto& [tower, cosine] : quantized.at("cosines").items()) {
    cosines.push_back(cat(tower, " cosine ", fixed(number_of(cosine), 6)));
  }
  return cat("float: ", metric, " ", metric_text(metric, of_float->second), "\n",
             details.at("recipe").get<std::string>(), ": ", metric, " ",
             metric_text(metric, number_of(quantized.at("metrics").at(metric))), " (",
             interval_text(quantized.at("differences").at(metric)), "), agreement ",
             agreement_text(quantized), ", ", join(cosines, ", "), "\n");
}

}  // namespace

std::string sensitivity_table(const Result& result, GroupOrder order) {
  try {
    const Json& details = result.details.at("sensitivity");
    const auto metric = details.at("metric").get<std::string>();
    const auto right = Align::kRight;
    Table table({{"group"},
                 {"only: cosine", right},
                 {"agreement", right},
                 {metric, right},
                 {"from float", right},
                 {"all but: cosine", right},
                 {"agreement", right},
                 {metric, right},
                 {"from quantized", right}});
    for (const Json& group : sorted(details.at("groups"), order)) {
      std::vector<std::string> cells = {group.at("name").get<std::string>()};
      add_cells(cells, group.at("one_only"), metric);
      add_cells(cells, group.at("leave_one_out"), metric);
      table.add_row(std::move(cells));
    }
    return cat(baselines_text(result, details, metric), "\n", table.text());
  } catch (const nlohmann::json::exception& failure) {
    throw InputError(cat(result.model.path, ": not a sensitivity: ", failure.what()));
  }
}

}  // namespace clipq
