#include "clipq/report/comparison.h"

#include <algorithm>
#include <array>
#include <limits>
#include <set>
#include <string_view>

#include "clipq/core/error.h"
#include "clipq/core/strings.h"
#include "clipq/report/add_once.h"
#include "clipq/result/same_data.h"

namespace clipq {
namespace {

/// Metrics that are better when lower; all others are better when higher.
constexpr std::array<std::string_view, 1> kBetterWhenLower = {"ece"};

bool better_when_lower(const std::string& metric) {
  return std::find(kBetterWhenLower.begin(), kBetterWhenLower.end(), metric) !=
         kBetterWhenLower.end();
}

/// The model that a Result is relative to; empty: none.
std::string reference_of(const Result& result) {
  const Json& settings = result.settings;
  const auto found = settings.find("base_sha256");
  return found != settings.end() && found->is_string() ? found->get<std::string>() : "";
}

bool can_pair(const Result& base, const Result& now) {
  if (reference_of(base) != reference_of(now)) return false;
  if (base.task != now.task || base.data.has_value() != now.data.has_value()) return false;
  return !base.data || same_data(*base.data, *now.data);
}

/// "zeroshot_classification on cifar100".
std::string measurement(const Result& result) {
  return result.data ? cat(result.task, " on ", data_name(*result.data)) : result.task;
}

void add_if_different(const std::string& what, const std::string& base, const std::string& now,
                      std::vector<std::string>& differences) {
  if (base != now) differences.push_back(cat(what, " ", base, " and ", now));
}

/// Settings that only one of two has differ too, unless a Result has none at all: other programs
/// don't write theirs.
void add_settings(const Json& base, const Json& now, std::vector<std::string>& differences) {
  if (base.empty() || now.empty()) return;
  std::set<std::string> keys;
  for (const auto& [key, value] : base.items()) keys.insert(key);
  for (const auto& [key, value] : now.items()) keys.insert(key);
  for (const std::string& key : keys) {
    // Only models whose results depend on the batch have its size.
    const bool of_one_model = key == "batch_size" && base.contains(key) != now.contains(key);
    if (of_one_model) continue;
    add_if_different(key, base.value(key, Json()).dump(), now.value(key, Json()).dump(),
                     differences);
  }
}

/// Differences between the two measurements that affect the numbers: "templates 1 and 18".
std::vector<std::string> setting_differences(const Result& base, const Result& now) {
  std::vector<std::string> differences;
  const auto add_counts = [&](const char* what, std::int64_t left, std::int64_t right) {
    if (left == 0 || right == 0) return;
    add_if_different(what, std::to_string(left), std::to_string(right), differences);
  };
  if (base.data) {
    add_counts("items", base.data->items, now.data->items);
    add_counts("templates", base.data->templates, now.data->templates);
  }
  add_settings(base.settings, now.settings, differences);
  return differences;
}

/// The base's Result to compare `now` with, or null.
const Result* find_partner(const std::vector<Result>& base, const Result& now) {
  const Result* partner = nullptr;
  std::size_t fewest = 0;
  for (const Result& each : base) {
    if (!can_pair(each, now)) continue;
    const std::size_t differences = setting_differences(each, now).size();
    if (partner != nullptr && differences > fewest) continue;
    partner = &each;
    fewest = differences;
  }
  return partner;
}

void add_warnings(const Result& base, const Result& now, std::vector<std::string>& warnings) {
  const auto differences = setting_differences(base, now);
  if (!differences.empty()) {
    add_once(cat(measurement(now), ": base and new model were measured with different settings: ",
                 join(differences, ", ")),
             warnings);
  }
  if (base.data && !have_hashes(*base.data, *now.data)) {
    add_once(
        cat(measurement(now), ": paired only by the data set's name, because the Results don't ",
            "both have its hash; the items may differ"),
        warnings);
  }
  for (const Result* result : {&base, &now}) {
    for (const std::string& warning : result->warnings) add_once(warning, warnings);
  }
}

std::optional<PairedDifference> paired(const std::string& metric, const Result& base,
                                       const Result& now) {
  const auto base_outcomes = base.outcomes.find(metric);
  const auto outcomes = now.outcomes.find(metric);
  if (base_outcomes == base.outcomes.end() || outcomes == now.outcomes.end() || !base.data ||
      !have_hashes(*base.data, *now.data)) {
    return std::nullopt;
  }
  const Outcomes& left = base_outcomes->second;
  const Outcomes& right = outcomes->second;
  return same_items(left, right) ? std::optional(paired_difference(left, right)) : std::nullopt;
}

void add_metrics(const Result& base, const Result& now, Comparison& comparison) {
  for (const auto& [name, value] : now.metrics) {
    const auto found =
        std::find_if(base.metrics.begin(), base.metrics.end(),
                     [&name = name](const auto& each) { return each.first == name; });
    if (found == base.metrics.end()) continue;
    comparison.metrics.push_back({now.task, now.data.value_or(DataInfo()), name, found->second,
                                  value, paired(name, base, now)});
    const bool has_outcomes = base.outcomes.count(name) > 0 && now.outcomes.count(name) > 0 &&
                              have_hashes(*base.data, *now.data);
    if (has_outcomes && !comparison.metrics.back().paired) {
      add_once(cat(name, ": no interval, because base and new model have outcomes for different ",
                   "items or classes"),
               comparison.warnings);
    }
  }
}

void add_latencies(const ModelRow& base, const ModelRow& now, Comparison& comparison) {
  for (const auto& [column, measured] : now.latency) {
    const auto found = base.latency.find(column);
    if (found == base.latency.end()) continue;
    if (measured.comparable_with(found->second)) {
      comparison.latencies.push_back(
          {column, found->second.stats.median_ms, measured.stats.median_ms});
    } else {
      const auto named = [](const std::string& machine) {
        return machine.empty() ? std::string("an unknown machine") : machine;
      };
      add_once(cat("no speed-up between different machines: ", named(found->second.machine),
                   " and ", named(measured.machine)),
               comparison.warnings);
    }
  }
}

std::vector<Result> results_of(const ModelInfo& model, const std::vector<Result>& results) {
  std::vector<Result> own;
  for (const Result& result : results) {
    if (same_model(result.model, model)) own.push_back(result);
  }
  return own;
}

/// "base.pt has bench, zeroshot_classification on cifar100 (5000 items, sha256 0123abcd)".
std::string contents(const ModelInfo& model, const std::vector<Result>& results) {
  constexpr std::size_t kShownDigits = 8;
  std::vector<std::string> measurements;
  for (const Result& result : results) {
    std::vector<std::string> details;
    if (result.data && result.data->items > 0) details.push_back(cat(result.data->items, " items"));
    if (result.data && !result.data->sha256.empty()) {
      details.push_back(cat("sha256 ", result.data->sha256.substr(0, kShownDigits)));
    }
    add_once(measurement(result) + (details.empty() ? "" : cat(" (", join(details, ", "), ")")),
             measurements);
  }
  return cat(model.path, " has ", join(measurements, ", "));
}

/// Warns about what only one of the two was measured on, and records its metrics.
void add_unpaired(const std::vector<Result>& results, const std::vector<Result>& others,
                  const char* side, Comparison& comparison) {
  for (const Result& result : results) {
    const bool has_partner = std::any_of(
        others.begin(), others.end(), [&](const Result& other) { return can_pair(other, result); });
    if (has_partner) continue;
    add_once(cat(measurement(result), ": only ", side, " was measured on it"), comparison.warnings);
    for (const auto& [name, value] : result.metrics) add_once(name, comparison.unpaired_metrics);
  }
}

/// A model never differs from itself on any sample.
void make_certain(std::vector<MetricComparison>& metrics) {
  for (MetricComparison& each : metrics) {
    if (each.paired) each.paired->low = each.paired->high = each.paired->difference;
  }
}

Comparison compare_model(const ModelRow& base, const std::vector<Result>& base_results,
                         const ModelRow& now, const std::vector<Result>& now_results) {
  Comparison comparison;
  comparison.model = now.model;
  std::size_t found = 0;
  for (const Result& result : now_results) {
    const Result* partner = find_partner(base_results, result);
    if (partner == nullptr) continue;
    ++found;
    add_metrics(*partner, result, comparison);
    add_warnings(*partner, result, comparison.warnings);
  }
  if (found == 0) {
    throw UsageError(cat("nothing to compare: the base ", contents(base.model, base_results),
                         "; the new model ", contents(now.model, now_results),
                         "; expected the same task on the same data in both"));
  }
  if (same_model(base.model, now.model)) make_certain(comparison.metrics);
  add_unpaired(now_results, base_results, "the new model", comparison);
  add_unpaired(base_results, now_results, "the base", comparison);
  add_latencies(base, now, comparison);
  return comparison;
}

}  // namespace

double MetricComparison::drop() const {
  return better_when_lower(metric) ? now - base : base - now;
}

std::optional<double> MetricComparison::largest_drop() const {
  if (!paired) return std::nullopt;
  return better_when_lower(metric) ? paired->high : -paired->low;
}

double size_ratio(const ModelInfo& base, const ModelInfo& now, SizeReference reference) {
  ModelInfo compared = now;
  if (reference == SizeReference::kFloat32) {
    if (compared.float32_bytes == 0) compared.float32_bytes = base.float32_bytes;
    return compared.ratio_to_float32();
  }
  compared.source_bytes = base.size_bytes;
  return compared.ratio_to_source();
}

std::string data_name(const DataInfo& data) {
  return data.dataset.empty() ? data.spec : data.dataset;
}

ComparedModels compare_results(const std::vector<Result>& base, const std::vector<Result>& now) {
  if (base.empty()) throw UsageError("the base files contain no Results");
  const ModelRow base_row = merge_results(base).rows.front();
  const std::vector<Result> base_results = results_of(base_row.model, base);
  std::vector<ModelRow> rows = merge_results(now).rows;
  if (rows.empty()) throw UsageError("the files of the new models contain no Results");
  const auto is_base = [&](const ModelRow& row) { return same_model(row.model, base_row.model); };
  // If the new model is the base itself, it is compared with itself.
  if (!std::all_of(rows.begin(), rows.end(), is_base)) std::erase_if(rows, is_base);
  ComparedModels compared{base_row.model, {}};
  for (const ModelRow& row : rows) {
    compared.comparisons.push_back(
        compare_model(base_row, base_results, row, results_of(row.model, now)));
  }
  return compared;
}

}  // namespace clipq
