#include "clipq/report/headline.h"

#include <algorithm>
#include <array>
#include <functional>
#include <limits>
#include <set>
#include <string_view>

#include "clipq/core/error.h"
#include "clipq/core/strings.h"
#include "clipq/report/pareto.h"

namespace clipq {
namespace {

constexpr std::string_view kLayers = "layers";
constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();

/// The name of the metric or, for a recall, the part before its K; empty if it isn't an accuracy.
std::string accuracy_kind(const std::string& metric) {
  constexpr std::array<const char*, 3> kMeans = {"acc1", "lp_acc1", "mean_average_precision"};
  constexpr std::array<const char*, 2> kRecalls = {"image_retrieval_recall@",
                                                   "text_retrieval_recall@"};
  for (const char* name : kMeans) {
    if (metric == name) return name;
  }
  for (const char* prefix : kRecalls) {
    if (metric.starts_with(prefix)) return prefix;
  }
  return "";
}

/// For each data set, the recall with the smallest K.
std::vector<MetricColumn> accuracies(const std::vector<MetricColumn>& columns) {
  std::vector<MetricColumn> chosen;
  std::set<std::pair<std::string, std::size_t>> seen;
  for (const MetricColumn& column : columns) {
    const std::string kind = accuracy_kind(column.name);
    if (!kind.empty() && seen.insert({kind, column.data}).second) chosen.push_back(column);
  }
  return chosen;
}

double value_of(const ModelRow& row, const MetricColumn& column) {
  const auto found = row.metrics.find(column);
  return found == row.metrics.end() ? kUnknown : found->second;
}

double size_of(const ModelRow& row) {
  return row.model.size_bytes > 0 ? static_cast<double>(row.model.size_bytes) : kUnknown;
}

/// Also unknown if it was measured on a different machine than the base's.
double time_of(const ModelRow& base, const ModelRow& row, const LatencyColumn& column) {
  const auto first = base.latency.find(column);
  const auto found = row.latency.find(column);
  if (first == base.latency.end() || found == row.latency.end()) return kUnknown;
  const bool comparable = &row == &base || found->second.comparable_with(first->second);
  return comparable ? found->second.stats.median_ms : kUnknown;
}

std::vector<Front> fronts_of(const Headline& headline) {
  const std::vector<ModelRow>& rows = headline.merged.rows;
  std::vector<Front> fronts;
  for (std::size_t metric = 0; metric < headline.metrics.size(); ++metric) {
    const auto add = [&](std::optional<std::size_t> latency,
                         const std::function<double(const ModelRow&)>& cost) {
      std::vector<Tradeoff> points;
      points.reserve(rows.size());
      for (const ModelRow& row : rows) {
        points.push_back({cost(row), value_of(row, headline.metrics[metric])});
      }
      fronts.push_back({metric, latency, pareto_front(points)});
    };
    add(std::nullopt, size_of);
    for (std::size_t i = 0; i < headline.latencies.size(); ++i) {
      add(i, [&](const ModelRow& row) { return time_of(rows[0], row, headline.latencies[i]); });
    }
  }
  return fronts;
}

/// "float", "int8-dynamic", "int8-dynamic (image)"; the file's name where no recipe is known.
std::string recipe_label(const ModelRow& row, const std::string& file) {
  const ModelInfo& model = row.model;
  if (model.recipe.empty()) return model.mode == "float" ? "float" : file;
  const bool part = !model.component.empty() && model.component != "both";
  return part ? cat(model.recipe, " (", model.component, ")") : model.recipe;
}

bool all_differ(const std::vector<std::string>& labels) {
  return std::set<std::string>(labels.begin(), labels.end()).size() == labels.size();
}

}  // namespace

std::vector<Result> headline_results(const std::vector<Result>& results) {
  const auto measured_elsewhere = [&results](const ModelInfo& model) {
    return std::any_of(results.begin(), results.end(), [&model](const Result& other) {
      return other.task != kLayers && same_file(other.model, model);
    });
  };
  std::vector<Result> chosen;
  for (const Result& result : results) {
    if (result.task != kLayers || !measured_elsewhere(result.model)) chosen.push_back(result);
  }
  return chosen;
}

std::vector<std::string> short_labels(const MergedResults& merged) {
  std::vector<std::string> recipes;
  std::vector<std::string> both;
  std::vector<std::string> with_mode;
  for (const ModelRow& row : merged.rows) {
    const std::string file = model_label(merged, row);
    const std::string recipe = recipe_label(row, file);
    recipes.push_back(recipe);
    both.push_back(recipe == file ? file : cat(recipe, ", ", file));
    with_mode.push_back(cat(both.back(), ", ", row.model.mode));
  }
  if (all_differ(recipes)) return recipes;
  return all_differ(both) ? both : with_mode;
}

Headline headline(const std::vector<Result>& results) {
  if (results.empty()) throw UsageError("no Results to report on");
  Headline headline;
  headline.merged = merge_results(headline_results(results));
  headline.labels = short_labels(headline.merged);
  headline.metrics = accuracies(headline.merged.metric_columns);
  headline.latencies.assign(headline.merged.latency_columns.begin(),
                            headline.merged.latency_columns.end());
  headline.fronts = fronts_of(headline);
  return headline;
}

}  // namespace clipq
