#include "sensitivity_details.h"

#include <utility>

#include "clipq/result/paired_difference.h"

namespace clipq {
namespace {

/// How each metric differs from the base's, with its interval where there are outcomes.
Json differences(const Measurement& base, const Measurement& now) {
  Json json = Json::object();
  for (std::size_t i = 0; i < now.metrics.size(); ++i) {
    const auto& [name, value] = now.metrics[i];
    Json& each = json[name] = {{"difference", value - base.metrics[i].second}};
    const auto of_base = base.outcomes.find(name);
    const auto of_now = now.outcomes.find(name);
    if (of_base == base.outcomes.end() || of_now == now.outcomes.end()) continue;
    const PairedDifference paired = paired_difference(of_base->second, of_now->second);
    each["low"] = paired.low;
    each["high"] = paired.high;
  }
  return json;
}

Json measured_json(const MixedMeasurement& measured, const MixedMeasurement& base) {
  Json metrics = Json::object();
  for (const auto& [name, value] : measured.task.metrics) metrics[name] = value;
  Json json = {{"metrics", std::move(metrics)},
               {"differences", differences(base.task, measured.task)}};
  if (measured.agreement) json["agreement"] = *measured.agreement;
  return json;
}

Json mixture_json(const MixedMeasurement& measured, const MixedMeasurement& base, Tower tower) {
  Json json = {{"cosine", measured.cosines.at(tower)}};
  json.update(measured_json(measured, base));
  return json;
}

Json quantized_json(const SensitivityReport& report) {
  Json json = measured_json(report.quantized, report.floating);
  for (const auto& [tower, cosine] : report.quantized.cosines) {
    json["cosines"][name_of(tower)] = cosine;
  }
  return json;
}

Json group_json(const GroupSensitivity& each, const SensitivityReport& report) {
  const LayerGroup& group = each.group;
  return {
      {"name", group.name},
      {"tower", name_of(group.tower)},
      {"stage", group.stage},
      {"quantizers", group.quantizers},
      {"globs", group.globs},
      {"one_only", mixture_json(each.one_only, report.floating, group.tower)},
      {"leave_one_out", mixture_json(each.leave_one_out.value(), report.quantized, group.tower)}};
}

}  // namespace

void add_sensitivity(Result& result, SensitivityReport& report, const Task& task,
                     const QuantizationPlan& plan, const std::vector<std::string>& overrides) {
  Json groups = Json::array();
  for (const GroupSensitivity& each : report.groups) groups.push_back(group_json(each, report));
  result.details["sensitivity"] = {{"task", task.name},
                                   {"recipe", plan.recipe.name},
                                   {"component", name_of(plan.component)},
                                   {"computed", "simulated in float32, layer by layer"},
                                   {"metric", report.floating.task.metrics.front().first},
                                   {"quantized", quantized_json(report)},
                                   {"groups", std::move(groups)}};
  if (!overrides.empty()) result.details["sensitivity"]["set"] = overrides;
  result.metrics = std::move(report.floating.task.metrics);
  result.outcomes = std::move(report.floating.task.outcomes);
}

}  // namespace clipq
