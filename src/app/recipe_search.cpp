#include "recipe_search.h"

#include <algorithm>
#include <cmath>
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

Candidate RecipeSearch::candidate(const std::string& name, const FormatChoices& choices) const {
  return {name, parse_recipe(mixer_.recipe(name, choices), cat("recipe ", name))};
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
  const std::vector<std::string> metrics = trials_.metrics(data_.search());
  for (const DropGate& goal : options_.goals) {
    if (std::find(metrics.begin(), metrics.end(), goal.metric) != metrics.end()) continue;
    throw UsageError(cat("--goal ", goal_text(goal), ": ", options_.task, " has no metric ",
                         goal.metric, suggestion(goal.metric, metrics),
                         " Known: ", join(metrics, ", ")));
  }
}

void RecipeSearch::measure_formats() {
  const ImageSource source = data_.first_of_search(options_.sensitivity_items);
  for (std::size_t format = 0; format < mixer_.formats().size(); ++format) {
    const std::string& name = mixer_.formats()[format].name;
    if (mixer_.formats()[format].recipe) {
      if (!outcome_.tried.empty() && is_out_of_time()) {
        log::warn(cat("the time budget is spent: ", name, " isn't measured and not chosen"));
        continue;
      }
      const FormatChoices everywhere(mixer_.groups().size(), format);
      const Candidate all = candidate(cat("all ", name), everywhere);
      seen_[format] =
          format_sensitivity(trials_, all, mixer_.groups(), floating_, source, options_);
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
    everywhere.push_back(candidate(cat("all ", mixer_.formats()[known].name),
                                   FormatChoices(mixer_.groups().size(), known)));
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
  cheapest_passing(points, kResolution, [&](std::size_t i) -> std::optional<bool> {
    const FormatChoices& choices = points[i].choices;
    if (is_float(choices)) return true;
    const auto known =
        std::find_if(outcome_.tried.begin(), outcome_.tried.end(),
                     [&](const TriedRecipe& tried) { return tried.choices == choices; });
    if (known != outcome_.tried.end()) return known->meets_goals;
    if (const std::optional<bool> outcome = implied(points[i].effect)) return outcome;
    if (is_out_of_time()) return std::nullopt;
    const Candidate mix = candidate(cat("mix ", ++mixes), choices);
    try_recipe(mix, choices);
    trials_.discard(mix);
    return outcome_.tried.back().meets_goals;
  });
  if (outcome_.ran_out_of_time) log::warn("the time budget is spent: no more recipes are tried");
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

void RecipeSearch::measure_held_out() {
  std::vector<std::size_t> measured;
  for (std::size_t i = 0; i < outcome_.tried.size(); ++i) {
    const bool is_mix = outcome_.tried[i].candidate.name.starts_with("mix ");
    if (!is_mix || i == outcome_.found) measured.push_back(i);
  }
  for (const std::string& recipe : options_.beside) {
    measured.push_back(outcome_.tried.size());
    outcome_.tried.push_back({.candidate = {recipe, load_recipe(recipe, {})}});
  }
  std::vector<Candidate> candidates;
  for (const std::size_t i : measured) candidates.push_back(outcome_.tried[i].candidate);
  log::info(cat("measuring ", candidates.size(), " recipes on the held-out data"));
  std::vector<Trial> trials = trials_.measure_held_out(candidates, data_.held_out());
  for (std::size_t i = 0; i < measured.size(); ++i) {
    TriedRecipe& tried = outcome_.tried[measured[i]];
    tried.held_out = std::move(trials[i]);
    if (!tried.searched)
      tried.cost = cost_of(*tried.held_out, tried.candidate, floating_, options_);
  }
  if (outcome_.found) {
    outcome_.verdicts = check_goals(*outcome_.tried[*outcome_.found].held_out, options_);
  }
}

}  // namespace clipq
