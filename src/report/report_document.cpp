#include "clipq/report/report_document.h"

#include <algorithm>
#include <cmath>

#include "clipq/core/version.h"
#include "clipq/report/against_base.h"
#include "clipq/report/headline.h"
#include "clipq/report/number_text.h"

namespace clipq {
namespace {

Json number_or_null(double value) { return std::isfinite(value) ? Json(value) : Json(); }

Json value_json(const ModelRow& base, const ModelRow& row, const MetricColumn& column) {
  const auto found = row.metrics.find(column);
  if (found == row.metrics.end()) return {};
  Json json = {{"value", number_or_null(found->second)}};
  if (&row == &base) return json;
  if (const auto difference = difference_to(base, row, column)) {
    json["difference"] = number_or_null(*difference);
  }
  if (const auto paired = paired_difference_to(base, row, column)) {
    json["interval"] = {paired->low, paired->high};
    json["p_value"] = number_or_null(paired->p_value);
    json["items"] = paired->items;
  }
  return json;
}

Json latency_json(const ModelRow& base, const ModelRow& row, const LatencyColumn& column) {
  const auto found = row.latency.find(column);
  if (found == row.latency.end()) return {};
  const LatencyStats& stats = found->second.stats;
  Json json = {{"min_ms", stats.min_ms},
               {"median_ms", stats.median_ms},
               {"p95_ms", stats.p95_ms},
               {"repeats", stats.repeats},
               {"machine", found->second.machine}};
  const auto ratio = speed_up_over(base, row, column);
  if (ratio && &row != &base) json["speed_up"] = *ratio;
  return json;
}

Json model_json(const Headline& headline, std::size_t index) {
  const ModelRow& base = headline.merged.rows.front();
  const ModelRow& row = headline.merged.rows[index];
  Json values = Json::array();
  for (const MetricColumn& column : headline.merged.metric_columns) {
    values.push_back(value_json(base, row, column));
  }
  Json latencies = Json::array();
  for (const LatencyColumn& column : headline.latencies) {
    latencies.push_back(latency_json(base, row, column));
  }
  return {{"label", headline.labels[index]},
          {"model", to_json(row.model)},
          {"values", values},
          {"latencies", latencies}};
}

/// Metrics in the order of the models' values; "headline" marks accuracies.
Json metrics_json(const Headline& headline) {
  Json metrics = Json::array();
  for (const MetricColumn& column : headline.merged.metric_columns) {
    const bool chosen = std::find(headline.metrics.begin(), headline.metrics.end(), column) !=
                        headline.metrics.end();
    metrics.push_back({{"name", column.name},
                       {"data", column.data},
                       {"plain", is_plain(column.name)},
                       {"headline", chosen}});
  }
  return metrics;
}

std::size_t index_among(const std::vector<MetricColumn>& columns, const MetricColumn& column) {
  return static_cast<std::size_t>(std::find(columns.begin(), columns.end(), column) -
                                  columns.begin());
}

Json fronts_json(const Headline& headline) {
  Json fronts = Json::array();
  for (const Front& front : headline.fronts) {
    const MetricColumn& column = headline.metrics[front.metric];
    fronts.push_back({{"metric", index_among(headline.merged.metric_columns, column)},
                      {"latency", front.latency ? Json(*front.latency) : Json()},
                      {"models", front.rows}});
  }
  return fronts;
}

}  // namespace

Json report_document(const std::vector<Result>& results, const std::string& title) {
  const Headline headline = clipq::headline(results);
  Json document = {{"schema", "clipq.report/1"}, {"title", title}, {"clipq", kVersion}};
  document["models"] = Json::array();
  for (std::size_t i = 0; i < headline.merged.rows.size(); ++i) {
    document["models"].push_back(model_json(headline, i));
  }
  document["data"] = Json::array();
  for (std::size_t i = 0; i < headline.merged.data.size(); ++i) {
    Json data = to_json(headline.merged.data[i]);
    if (!headline.merged.variants[i].empty()) data["variant"] = headline.merged.variants[i];
    document["data"].push_back(std::move(data));
  }
  document["metrics"] = metrics_json(headline);
  document["latencies"] = Json::array();
  for (const LatencyColumn& column : headline.latencies) {
    document["latencies"].push_back({{"tower", column.tower}, {"batch_size", column.batch_size}});
  }
  document["fronts"] = fronts_json(headline);
  document["machines"] = headline.merged.machines;
  document["warnings"] = headline.merged.warnings;
  document.update(results_document(results));
  return document;
}

}  // namespace clipq
