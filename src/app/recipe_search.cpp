#include "recipe_search.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <utility>

#include "clipq/core/error.h"
#include "clipq/core/log.h"
#include "clipq/core/strings.h"
#include "format_sensitivity.h"

namespace clipq {
namespace {

/// Costs that differ by less aren't told apart by another trial.
constexpr double kResolution = 0.01;

std::vector<GateOutcome> check_goals(const Trial& trial, const SearchCommandOptions& options) {
  Gates gates;
  gates.drops = options.goals;
  gates.require_certain = options.require_certain;
  return check_gates(compare_results({trial.floating}, {trial.quantized}), gates);
}

bool all_met(const std::vector<GateOutcome>& goals) {
  return std::none_of(goals.begin(), goals.end(),
                      [](const GateOutcome& goal) { return goal.status == GateStatus::kBroken; });
}

std::string texts_of(const std::vector<GateOutcome>& goals) {
  std::vector<std::string> texts;
  for (const GateOutcome& goal : goals) texts.push_back(goal.text);
  return join(texts, ", ");
}

double seconds_of(const std::function<void()>& work) {
  Stopwatch stopwatch;
  work();
  return stopwatch.lap();
}

}  // namespace

Candidate mixed_candidate(const RecipeMixer& mixer, const std::string& name,
                          const FormatChoices& choices) {
  return {name, parse_recipe(mixer.recipe(name, choices), cat("recipe ", name))};
}

Candidate uniform_candidate(const RecipeMixer& mixer, std::size_t format) {
  return mixed_candidate(mixer, cat("all ", mixer.formats()[format].name),
                         FormatChoices(mixer.groups().size(), format));
}

RecipeSearch::RecipeSearch(const SearchCommandOptions& options, const OpenedModel& floating,
                           const RecipeMixer& mixer, const SearchData& data,
                           std::filesystem::path folder)
    : options_(options),
      floating_(floating),
      mixer_(mixer),
      data_(data),
      trials_(options, floating, std::move(folder)),
      seen_(mixer.formats().size()) {}

SearchOutcome RecipeSearch::run() {
  require_goal_metrics();
  outcome_.sensitivity_seconds = seconds_of([this] { measure_formats(); });
  outcome_.trial_seconds = seconds_of([this] {
    value_choices();
    look_for_mix();
  });
  choose_found();
  outcome_.held_out_seconds = seconds_of([this] { measure_held_out(); });
  return std::move(outcome_);
}

bool RecipeSearch::is_float(const FormatChoices& choices) const {
  return std::all_of(choices.begin(), choices.end(),
                     [this](std::size_t format) { return !mixer_.formats()[format].recipe; });
}

bool RecipeSearch::is_out_of_time() {
  seconds_ += since_start_.lap();
  const bool out = options_.budget && seconds_ > *options_.budget;
  outcome_.ran_out_of_time |= out;
  return out;
}

void RecipeSearch::require_goal_metrics() const {
  const Result floating = trials_.measure_float(data_.search());
  std::vector<std::string> metrics;
  for (const auto& [name, value] : floating.metrics) metrics.push_back(name);
  for (const DropGate& goal : options_.goals) {
    const std::string where = cat("--goal ", goal_text(goal), ": ");
    const auto found = std::find(metrics.begin(), metrics.end(), goal.metric);
    if (found == metrics.end()) {
      throw UsageError(cat(where, options_.task, " has no metric ", goal.metric,
                           suggestion(goal.metric, metrics), " Known: ", join(metrics, ", ")));
    }
    if (!std::isfinite(
            floating.metrics[static_cast<std::size_t>(found - metrics.begin())].second)) {
      throw UsageError(
          cat(where, "the float model's ", goal.metric, " isn't defined on these data"));
    }
    if (options_.require_certain && floating.outcomes.count(goal.metric) == 0) {
      throw UsageError(cat(where, goal.metric,
                           " has no confidence interval, so that it can't be certain; drop "
                           "--require-certain"));
    }
  }
}

void RecipeSearch::measure_formats() {
  for (std::size_t format = 0; format < mixer_.formats().size(); ++format) {
    const std::string& name = mixer_.formats()[format].name;
    if (mixer_.formats()[format].recipe) {
      if (!outcome_.tried.empty() && is_out_of_time()) {
        log::warn(cat("the time budget is spent: ", name, " isn't measured and not chosen"));
        continue;
      }
      const FormatChoices everywhere(mixer_.groups().size(), format);
      const Candidate all = uniform_candidate(mixer_, format);
      seen_[format] = format_sensitivity(trials_, all, mixer_.groups(), floating_,
                                         data_.sensitivity(), options_);
      try_recipe(all, everywhere);
    }
    outcome_.formats.push_back(format);
  }
}

void RecipeSearch::try_recipe(const Candidate& candidate, const FormatChoices& choices) {
  TriedRecipe tried = {.candidate = candidate, .choices = choices};
  tried.searched = trials_.measure(candidate, data_.search());
  tried.cost = cost_of(*tried.searched, candidate, floating_, options_);
  if (!outcome_.choices.empty()) tried.expected_changes = changes_of(choices);
  const std::vector<GateOutcome> goals = check_goals(*tried.searched, options_);
  tried.meets_goals = all_met(goals);
  log::info(cat(candidate.name, ": ", texts_of(goals),
                tried.meets_goals ? "; the goals are met" : "; a goal is missed"));
  outcome_.tried.push_back(std::move(tried));
}

void RecipeSearch::value_choices() {
  std::vector<Candidate> everywhere;
  for (std::size_t format = 0; format < mixer_.formats().size(); ++format) {
    const bool was_measured = !seen_[format].empty();
    // A format that wasn't measured has the costs of one that was, and is never chosen.
    const std::size_t known = was_measured || !mixer_.formats()[format].recipe
                                  ? format
                                  : outcome_.tried.front().choices->front();
    everywhere.push_back(uniform_candidate(mixer_, known));
  }
  const GroupCosts costs = group_costs(trials_, everywhere, mixer_, floating_, options_);
  rest_cost_ = costs.rest;
  std::vector<SeenEffect> all;
  for (const auto& format : seen_) all.insert(all.end(), format.begin(), format.end());
  const std::vector<double> expected = expected_changes(all);
  outcome_.choices.resize(mixer_.groups().size());
  std::size_t next = 0;
  for (std::size_t format = 0; format < seen_.size(); ++format) {
    for (std::size_t group = 0; group < outcome_.choices.size(); ++group) {
      GroupChoice choice = {{}, 0, costs.groups[group][format]};
      if (!seen_[format].empty()) {
        choice.seen = seen_[format][group];
        choice.expected_changes = expected[next++];
      }
      outcome_.choices[group].push_back(choice);
    }
  }
  for (TriedRecipe& tried : outcome_.tried) {
    tried.expected_changes = changes_of(*tried.choices);
  }
}

/// Errors of groups are taken as independent, so that their squares add up.
double RecipeSearch::changes_of(const FormatChoices& choices) const {
  double sum = 0;
  for (std::size_t group = 0; group < choices.size(); ++group) {
    const double own = outcome_.choices[group][choices[group]].expected_changes;
    sum += own * own;
  }
  return std::sqrt(sum);
}

std::vector<std::vector<ChoiceValue>> RecipeSearch::choice_values() const {
  std::vector<std::vector<ChoiceValue>> values;
  for (const std::vector<GroupChoice>& group : outcome_.choices) {
    values.emplace_back();
    for (const std::size_t format : outcome_.formats) {
      const GroupChoice& choice = group[format];
      values.back().push_back({choice.cost, choice.expected_changes * choice.expected_changes});
    }
  }
  return values;
}

void RecipeSearch::look_for_mix() {
  std::vector<ChoicePoint> points = choice_front(choice_values());
  for (ChoicePoint& point : points) {
    point.cost += rest_cost_;
    for (std::size_t& choice : point.choices) choice = outcome_.formats[choice];
  }
  log::info(cat(points.size(), " mixes of formats are on the front of what they cost and change"));
  std::size_t mixes = 0;
  const auto try_point = [&](const ChoicePoint& point) {
    const Candidate mix = mixed_candidate(mixer_, cat("mix ", ++mixes), point.choices);
    try_recipe(mix, point.choices);
    outcome_.tried.back().is_mix = true;
    trials_.discard(mix);
    return outcome_.tried.back().meets_goals;
  };
  const auto passes = [&](std::size_t i) -> std::optional<bool> {
    const ChoicePoint& point = points[i];
    if (is_float(point.choices)) return true;
    if (const TriedRecipe* known = tried_with(point.choices)) return known->meets_goals;
    if (const std::optional<bool> outcome = implied(point.effect)) return outcome;
    if (is_out_of_time()) return std::nullopt;
    return try_point(point);
  };
  // What others imply isn't known until it has been tried.
  for (;;) {
    const std::optional<std::size_t> cheapest = cheapest_passing(points, kResolution, passes);
    if (!cheapest || is_float(points[*cheapest].choices)) break;
    if (tried_with(points[*cheapest].choices) != nullptr || is_out_of_time()) break;
    try_point(points[*cheapest]);
  }
  if (outcome_.ran_out_of_time) log::warn("the time budget is spent: no more recipes are tried");
}

const TriedRecipe* RecipeSearch::tried_with(const FormatChoices& choices) const {
  const auto known =
      std::find_if(outcome_.tried.begin(), outcome_.tried.end(),
                   [&](const TriedRecipe& tried) { return tried.choices == choices; });
  return known == outcome_.tried.end() ? nullptr : &*known;
}

std::optional<bool> RecipeSearch::implied(double squared_changes) const {
  const double changes = std::sqrt(squared_changes);
  bool by_worse = false;
  bool by_better = false;
  for (const TriedRecipe& tried : outcome_.tried) {
    by_worse |= tried.meets_goals && tried.expected_changes >= changes;
    by_better |= !tried.meets_goals && tried.expected_changes <= changes;
  }
  if (by_worse == by_better) return std::nullopt;
  return by_worse;
}

void RecipeSearch::choose_found() {
  for (std::size_t i = 0; i < outcome_.tried.size(); ++i) {
    if (!outcome_.tried[i].meets_goals) continue;
    if (outcome_.found && outcome_.tried[*outcome_.found].cost <= outcome_.tried[i].cost) continue;
    outcome_.found = i;
  }
}

Recipe RecipeSearch::found_recipe(const TriedRecipe& found) const {
  const std::string name = options_.output.stem().string();
  std::vector<std::string> goals;
  for (const DropGate& goal : options_.goals) goals.push_back(goal_text(goal));
  Json json = {{"name", name},
               {"comment", cat("Found by clipq search for ", floating_.source.file, ": ",
                               join(goals, ", "), " with the least ", name_of(options_.minimize))}};
  for (const auto& [key, value] : found.candidate.recipe.json.items()) {
    if (key != "name") json[key] = value;
  }
  return parse_recipe(json, cat("recipe ", name));
}

void RecipeSearch::measure_held_out() {
  std::vector<std::size_t> measured;
  for (std::size_t i = 0; i < outcome_.tried.size(); ++i) {
    if (!outcome_.tried[i].is_mix || i == outcome_.found) measured.push_back(i);
  }
  for (const std::string& recipe : options_.beside) {
    measured.push_back(outcome_.tried.size());
    outcome_.tried.push_back({.candidate = {recipe, load_recipe(recipe, {})}});
  }
  std::vector<Candidate> candidates;
  for (const std::size_t i : measured) {
    candidates.push_back(outcome_.tried[i].candidate);
    if (i == outcome_.found) candidates.back().recipe = found_recipe(outcome_.tried[i]);
  }
  log::info(cat("measuring ", candidates.size(), " recipes on the held-out data"));
  std::vector<Trial> trials = trials_.measure_held_out(candidates, data_.held_out());
  for (std::size_t i = 0; i < measured.size(); ++i) {
    TriedRecipe& tried = outcome_.tried[measured[i]];
    tried.held_out = std::move(trials[i]);
    if (!tried.searched)
      tried.cost = cost_of(*tried.held_out, tried.candidate, floating_, options_);
  }
  if (outcome_.found) {
    outcome_.recipe = found_recipe(outcome_.tried[*outcome_.found]).json;
    outcome_.verdicts = check_goals(*outcome_.tried[*outcome_.found].held_out, options_);
  }
}

}  // namespace clipq
