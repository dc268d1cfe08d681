#include "search_details.h"

#include <algorithm>
#include <map>
#include <utility>

#include "clipq/core/strings.h"
#include "clipq/core/version.h"
#include "clipq/report/comparison.h"

namespace clipq {
namespace {

Json source_json(const ImageSource& source) {
  return {{"dataset", source.dataset.name()},
          {"items", source.count},
          {"sha256", source.content.sha256}};
}

/// How the quantized model's metrics differ from the float model's.
Json metrics_json(const Trial& trial) {
  const ComparedModels compared = compare_results({trial.floating}, {trial.quantized});
  Json json = Json::object();
  for (const MetricComparison& metric : compared.comparisons.at(0).metrics) {
    Json& own = json[metric.metric] = {{"float", metric.base},
                                       {"quantized", metric.now},
                                       {"difference", metric.now - metric.base}};
    if (!metric.paired) continue;
    own["low"] = metric.paired->low;
    own["high"] = metric.paired->high;
  }
  return json;
}

Json goals_json(const SearchCommandOptions& options) {
  Json goals = Json::array();
  for (const DropGate& goal : options.goals) {
    goals.push_back({{"metric", goal.metric}, {"most_drop_points", goal.points}});
  }
  return goals;
}

/// How many groups have each format.
Json counts_json(const FormatChoices& choices, const RecipeMixer& mixer) {
  std::map<std::string, std::int64_t> counts;
  for (const std::size_t format : choices) ++counts[mixer.formats()[format].name];
  return counts;
}

Json tried_json(const TriedRecipe& tried, const RecipeMixer& mixer, bool is_found) {
  const Trial& trial = tried.searched ? *tried.searched : *tried.held_out;
  Json json = {{"name", tried.candidate.name},
               {"found", is_found},
               {"cost", tried.cost},
               {"size_bytes", trial.quantized.model.size_bytes}};
  if (tried.choices) {
    json["formats"] = counts_json(*tried.choices, mixer);
    json["expected_changes"] = std::min(1.0, tried.expected_changes);
    json["meets_goals"] = tried.meets_goals;
    json["search"] = metrics_json(*tried.searched);
  }
  if (tried.held_out) {
    json["held_out"] = metrics_json(*tried.held_out);
    json["share_of_floats_time"] = share_of_floats_time(*tried.held_out);
  }
  return json;
}

Json group_json(const LayerGroup& group, const std::vector<GroupChoice>& choices,
                const SearchOutcome& outcome, const RecipeMixer& mixer, std::size_t index) {
  Json json = {{"name", group.name}, {"tower", name_of(group.tower)}};
  for (const std::size_t format : outcome.formats) {
    const GroupChoice& choice = choices[format];
    Json& own = json["formats"][mixer.formats()[format].name] = {{"cost", choice.cost}};
    if (!mixer.formats()[format].recipe) continue;
    own["cosine"] = 1 - choice.seen.distance;
    own["agreement"] = choice.seen.agreement;
    own["expected_changes"] = choice.expected_changes;
  }
  if (outcome.found) {
    const FormatChoices& chosen = *outcome.tried[*outcome.found].choices;
    json["chosen"] = mixer.formats()[chosen[index]].name;
  }
  return json;
}

Json verdicts_json(const SearchOutcome& outcome) {
  Json verdicts = Json::array();
  for (const GateOutcome& verdict : outcome.verdicts) {
    verdicts.push_back({{"status", to_string(verdict.status)}, {"text", verdict.text}});
  }
  return verdicts;
}

std::vector<std::string> format_names(const SearchOutcome& outcome, const RecipeMixer& mixer) {
  std::vector<std::string> names;
  for (const std::size_t format : outcome.formats) names.push_back(mixer.formats()[format].name);
  return names;
}

}  // namespace

void add_search(Result& result, const SearchOutcome& outcome, const RecipeMixer& mixer,
                const SearchData& data, const SearchCommandOptions& options) {
  Json groups = Json::array();
  for (std::size_t i = 0; i < mixer.groups().size(); ++i) {
    groups.push_back(group_json(mixer.groups()[i], outcome.choices[i], outcome, mixer, i));
  }
  Json tried = Json::array();
  for (std::size_t i = 0; i < outcome.tried.size(); ++i) {
    tried.push_back(tried_json(outcome.tried[i], mixer, i == outcome.found));
  }
  result.details["search"] = {{"task", options.task},
                              {"goals", goals_json(options)},
                              {"require_certain", options.require_certain},
                              {"minimize", name_of(options.minimize)},
                              {"cost_unit", unit_of(options.minimize)},
                              {"formats", format_names(outcome, mixer)},
                              {"seed", options.seed},
                              {"data", source_json(data.search())},
                              {"sensitivity_items", data.sensitivity().count},
                              {"ran_out_of_time", outcome.ran_out_of_time},
                              {"seconds",
                               {{"sensitivity", outcome.sensitivity_seconds},
                                {"trials", outcome.trial_seconds},
                                {"held_out", outcome.held_out_seconds}}},
                              {"groups", std::move(groups)},
                              {"tried", std::move(tried)},
                              {"verdicts", verdicts_json(outcome)}};
  result.details["search"]["latency_batch"] = options.latency_batch;
}

Json recipe_with_evidence(const SearchOutcome& outcome, const RecipeMixer& mixer,
                          const SearchData& data, const OpenedModel& floating,
                          const SearchCommandOptions& options) {
  const TriedRecipe& found = outcome.tried[*outcome.found];
  const Result& quantized = found.held_out->quantized;
  std::vector<std::string> goals;
  for (const DropGate& goal : options.goals) goals.push_back(goal_text(goal));
  Json json = outcome.recipe;
  json["evidence"] = {
      {"clipq", kVersion},
      {"checkpoint", {{"file", floating.source.file}, {"sha256", floating.source.sha256}}},
      {"component", options.component},
      {"task", options.task},
      {"goals", goals},
      {"require_certain", options.require_certain},
      {"minimize", name_of(options.minimize)},
      {"formats", format_names(outcome, mixer)},
      {"seed", options.seed},
      {"size_bytes", quantized.model.size_bytes},
      {"search",
       {{"data", source_json(data.search())}, {"metrics", metrics_json(*found.searched)}}},
      {"held_out",
       {{"data", source_json(data.held_out())},
        {"metrics", metrics_json(*found.held_out)},
        {"verdicts", verdicts_json(outcome)}}}};
  Json& evidence = json["evidence"];
  if (options.minimize != SearchCost::kSize) {
    evidence["cost"] = {{"value", found.cost}, {"unit", unit_of(options.minimize)}};
  }
  if (quantized.calibration) {
    evidence["calibration"] = {{"samples", quantized.calibration->samples},
                               {"held_out_images", quantized.calibration->overlap}};
  }
  return json;
}

}  // namespace clipq
