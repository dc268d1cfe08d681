#include "clipq/report/search_table.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "clipq/core/error.h"
#include "clipq/core/strings.h"
#include "clipq/report/number_text.h"
#include "clipq/report/table.h"
#include "json_cells.h"

namespace clipq {
namespace {

constexpr double kGiga = 1e9;

std::vector<std::string> goal_metrics(const Json& search) {
  std::vector<std::string> metrics;
  for (const Json& goal : search.at("goals")) {
    const auto metric = goal.at("metric").get<std::string>();
    if (std::find(metrics.begin(), metrics.end(), metric) == metrics.end()) {
      metrics.push_back(metric);
    }
  }
  return metrics;
}

/// "0.25x", as measured on the held-out data, else on the search data.
std::string time_text(const Json& search, const Json& tried) {
  if (tried.contains("share_of_floats_time")) {
    return ratio_text(number_of(tried.at("share_of_floats_time")));
  }
  const bool was_timed = search.at("minimize") == "latency";
  return was_timed ? ratio_text(number_of(tried.at("cost"))) : kNothing;
}

std::string formats_text(const Json& tried) {
  if (!tried.contains("formats")) return kNothing;
  std::vector<std::string> parts;
  for (const auto& [format, count] : tried.at("formats").items()) {
    parts.push_back(cat(count.get<std::int64_t>(), " ", format));
  }
  return join(parts, ", ");
}

/// The differences of a recipe on one of the data sets, a cell for each metric.
void add_differences(std::vector<std::string>& cells, const Json& tried, const char* data,
                     const std::vector<std::string>& metrics) {
  for (const std::string& metric : metrics) {
    cells.push_back(tried.contains(data) ? interval_text(tried.at(data).at(metric)) : kNothing);
  }
}

std::vector<Column> tried_columns(bool has_operations, const std::vector<std::string>& metrics) {
  std::vector<Column> columns = {
      {"recipe"}, {"groups of layers"}, {"MiB", Align::kRight}, {"of float's time", Align::kRight}};
  if (has_operations) columns.push_back({"10^9 bit operations", Align::kRight});
  columns.push_back({"expected changes", Align::kRight});
  for (const std::string& metric : metrics) {
    columns.push_back({metric + " points, search", Align::kRight});
  }
  columns.push_back({"goals"});
  for (const std::string& metric : metrics) {
    columns.push_back({metric + " points, held out", Align::kRight});
  }
  return columns;
}

Table tried_table(const Json& search) {
  const std::vector<std::string> metrics = goal_metrics(search);
  const bool has_operations = search.at("minimize") == "operations";
  Table table(tried_columns(has_operations, metrics));
  for (const Json& tried : search.at("tried")) {
    const bool found = tried.at("found").get<bool>();
    const bool searched = tried.contains("search");
    std::vector<std::string> cells = {
        cat(tried.at("name").get<std::string>(), found ? " (found)" : ""), formats_text(tried),
        fixed(tried.at("size_bytes").get<double>() / (1 << 20), 2), time_text(search, tried)};
    if (has_operations) cells.push_back(fixed(number_of(tried.at("cost")) / kGiga, 2));
    cells.push_back(searched ? percent_text(number_of(tried.at("expected_changes"))) + " %"
                             : kNothing);
    add_differences(cells, tried, "search", metrics);
    cells.emplace_back(!searched                             ? kNothing
                       : tried.at("meets_goals").get<bool>() ? "met"
                                                             : "missed");
    add_differences(cells, tried, "held_out", metrics);
    table.add_row(std::move(cells));
  }
  return table;
}

/// Which format each group has, and what share of decisions each format of it leaves as they are.
Table groups_table(const Json& search) {
  std::vector<Column> columns = {{"group"}, {"format"}};
  std::vector<std::string> formats;
  for (const Json& format : search.at("formats")) {
    const auto name = format.get<std::string>();
    const Json& known = search.at("groups").at(0).at("formats").at(name);
    if (!known.contains("agreement")) continue;
    formats.push_back(name);
    columns.push_back({cat(name, " alone: agreement"), Align::kRight});
    columns.push_back({"cosine", Align::kRight});
  }
  Table table(std::move(columns));
  for (const Json& group : search.at("groups")) {
    std::vector<std::string> cells = {group.at("name").get<std::string>(),
                                      group.value("chosen", kNothing)};
    for (const std::string& format : formats) {
      const Json& choice = group.at("formats").at(format);
      cells.push_back(percent_text(number_of(choice.at("agreement"))));
      cells.push_back(fixed(number_of(choice.at("cosine")), 6));
    }
    table.add_row(std::move(cells));
  }
  return table;
}

std::string verdicts_text(const Json& search) {
  std::string text;
  for (const Json& verdict : search.at("verdicts")) {
    text += cat("On the held-out data: ", verdict.at("text").get<std::string>(), ": ",
                verdict.at("status").get<std::string>(), "\n");
  }
  return text.empty() ? "No recipe meets the goals.\n" : text;
}

}  // namespace

std::string search_table(const Result& result) {
  try {
    const Json& search = result.details.at("search");
    return cat(groups_table(search).text(), "\n", tried_table(search).text(), "\n",
               verdicts_text(search));
  } catch (const nlohmann::json::exception& failure) {
    throw InputError(cat(result.model.path, ": not a search: ", failure.what()));
  }
}

}  // namespace clipq
