#include "clipq/report/comparison_report.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <set>

#include "clipq/core/strings.h"
#include "clipq/report/number_text.h"
#include "clipq/report/table.h"

namespace clipq {
namespace {

/// "out/int8.pt (int8-dynamic, both, native)".
std::string described(const ModelInfo& model) {
  std::vector<std::string> parts;
  for (const std::string& part : {model.recipe, model.component, model.mode}) {
    if (!part.empty()) parts.push_back(part);
  }
  return parts.empty() ? model.path : cat(model.path, " (", join(parts, ", "), ")");
}

bool has_several_data_sets(const Comparison& comparison) {
  std::set<std::string> names;
  for (const MetricComparison& each : comparison.metrics) names.insert(data_name(each.data));
  return names.size() > 1;
}

std::string metric_table(const Comparison& comparison) {
  if (comparison.metrics.empty()) return "";
  const bool shows_data = has_several_data_sets(comparison);
  std::vector<Column> columns{{"metric"}};
  if (shows_data) columns.push_back({"data"});
  for (const char* header : {"base", "new", "difference", "p"}) {
    columns.push_back({header, Align::kRight});
  }
  Table table(columns);
  for (const MetricComparison& each : comparison.metrics) {
    std::vector<std::string> cells{is_plain(each.metric) ? each.metric : each.metric + " %"};
    if (shows_data) cells.push_back(data_name(each.data));
    const double difference = each.now - each.base;
    cells.push_back(metric_text(each.metric, each.base));
    cells.push_back(metric_text(each.metric, each.now));
    cells.push_back(each.paired ? points_text(difference, *each.paired)
                                : difference_text(each.metric, difference));
    cells.push_back(each.paired ? p_value_text(each.paired->p_value) : kNothing);
    table.add_row(cells);
  }
  return table.text();
}

std::string size_lines(const ModelInfo& base, const ModelInfo& now) {
  const double of_file = size_ratio(base, now, SizeReference::kFile);
  const double of_float32 = size_ratio(base, now, SizeReference::kFloat32);
  std::string lines;
  if (std::isfinite(of_file)) {
    lines += cat("Size: ", mebibytes(now.size_bytes), ", ", ratio_text(of_file),
                 " of the base's file, ", mebibytes(base.size_bytes), "\n");
  }
  if (std::isfinite(of_float32)) {
    lines += cat("Size: ", mebibytes(now.size_bytes), ", ", ratio_text(of_float32),
                 " of the parameters as float32\n");
  }
  return lines;
}

std::string model_text(const ModelInfo& base, const Comparison& comparison) {
  std::string text = cat(described(comparison.model), " against ", described(base), "\n\n",
                         metric_table(comparison), comparison.metrics.empty() ? "" : "\n",
                         size_lines(base, comparison.model));
  for (const LatencyComparison& each : comparison.latencies) {
    text += cat("Latency: ", each.column.tower, " b", each.column.batch_size, " ",
                number_text(each.now_ms), " ms, base ", number_text(each.base_ms), " ms, speed-up ",
                ratio_text(each.speed_up()), "\n");
  }
  for (const std::string& warning : comparison.warnings) text += cat("Warning: ", warning, "\n");
  return text;
}

/// "PASS acc1 drop 0.12 points, at most 0.50", with the model in front if there are several.
std::string gate_line(const GateOutcome& gate, bool names_model) {
  std::string status = to_string(gate.status);
  std::transform(status.begin(), status.end(), status.begin(),
                 [](char c) { return static_cast<char>(std::toupper(c)); });
  return cat(status, " ", names_model ? gate.model + ": " : "", gate.text, "\n");
}

Json metric_json(const MetricComparison& metric) {
  Json json = {{"task", metric.task}};
  if (!data_name(metric.data).empty()) json["data"] = data_name(metric.data);
  json["metric"] = metric.metric;
  json["base"] = metric.base;
  json["new"] = metric.now;
  json["difference"] = metric.now - metric.base;
  if (metric.paired) {
    json["interval"] = {metric.paired->low, metric.paired->high};
    if (std::isfinite(metric.paired->p_value)) json["p_value"] = metric.paired->p_value;
    json["gained"] = metric.paired->gained;
    json["lost"] = metric.paired->lost;
  }
  if (metric.data.items > 0) json["items"] = metric.data.items;
  return json;
}

Json latency_json(const LatencyComparison& latency) {
  return {{"tower", latency.column.tower},
          {"batch_size", latency.column.batch_size},
          {"base_ms", latency.base_ms},
          {"new_ms", latency.now_ms},
          {"speed_up", latency.speed_up()}};
}

Json comparison_json(const ModelInfo& base, const Comparison& comparison) {
  Json json = {{"model", to_json(comparison.model)}};
  const double of_file = size_ratio(base, comparison.model, SizeReference::kFile);
  const double of_float32 = size_ratio(base, comparison.model, SizeReference::kFloat32);
  if (std::isfinite(of_file)) json["size_ratio"]["file"] = of_file;
  if (std::isfinite(of_float32)) json["size_ratio"]["float32"] = of_float32;
  json["metrics"] = Json::array();
  for (const MetricComparison& each : comparison.metrics) {
    json["metrics"].push_back(metric_json(each));
  }
  json["latency"] = Json::array();
  for (const LatencyComparison& each : comparison.latencies) {
    json["latency"].push_back(latency_json(each));
  }
  json["warnings"] = comparison.warnings;
  return json;
}

Json gate_json(const GateOutcome& gate) {
  Json json = {{"gate", gate.gate}, {"model", gate.model}};
  if (!gate.data.empty()) json["data"] = gate.data;
  json["status"] = to_string(gate.status);
  json["got"] = gate.got;
  json["limit"] = gate.limit;
  if (gate.interval_end) json["interval_end"] = *gate.interval_end;
  json["text"] = gate.text;
  return json;
}

bool is_broken(const GateOutcome& gate) { return gate.status == GateStatus::kBroken; }

}  // namespace

bool ComparisonReport::passed() const {
  return std::none_of(gates.begin(), gates.end(), is_broken);
}

std::string comparison_text(const ComparisonReport& report) {
  std::string text;
  for (const Comparison& each : report.models.comparisons) {
    text += cat(text.empty() ? "" : "\n", model_text(report.models.base, each));
  }
  if (!report.gates.empty()) text += "\n";
  return text + gate_lines(report);
}

std::string gate_lines(const ComparisonReport& report) {
  std::string lines;
  for (const GateOutcome& gate : report.gates) {
    lines += gate_line(gate, report.models.comparisons.size() > 1);
  }
  return lines;
}

Json to_json(const ComparisonReport& report) {
  Json json = {{"base", to_json(report.models.base)}};
  json["comparisons"] = Json::array();
  for (const Comparison& each : report.models.comparisons) {
    json["comparisons"].push_back(comparison_json(report.models.base, each));
  }
  json["gates"] = Json::array();
  for (const GateOutcome& gate : report.gates) json["gates"].push_back(gate_json(gate));
  json["passed"] = report.passed();
  return json;
}

std::string broken_gates(const ComparisonReport& report) {
  std::vector<std::string> texts;
  for (const GateOutcome& gate : report.gates) {
    if (is_broken(gate)) texts.push_back(cat(gate.model, ": ", gate.text));
  }
  return texts.empty() ? "" : cat("gates not met: ", join(texts, "; "));
}

}  // namespace clipq
