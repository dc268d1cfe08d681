#pragma once

#include <optional>
#include <string>
#include <vector>

#include "clipq/core/stopwatch.h"
#include "clipq/report/gate_check.h"
#include "clipq/search/changed_decisions.h"
#include "clipq/search/choice_front.h"
#include "search_costs.h"
#include "search_data.h"
#include "search_trials.h"

namespace clipq {

/// A recipe that was tried on the search data.
struct TriedRecipe {
  Candidate candidate;
  std::optional<FormatChoices> choices = {};  ///< nothing: a recipe that was only measured beside
  std::optional<Trial> searched = {};         ///< likewise
  /// Share of decisions, by the additive model, which may exceed 1.
  double expected_changes = 0;
  double cost = 0;           ///< measured; see cost_of()
  bool is_mix = false;       ///< of several formats, from the front of all mixes
  bool meets_goals = false;  ///< on the search data
  std::optional<Trial> held_out = {};
};

/// What quantizing a group of layers to a format does.
struct GroupChoice {
  SeenEffect seen;
  double expected_changes = 0;  ///< share of decisions
  double cost = 0;
};

/// The candidate of that name in which each of the mixer's groups has its format.
Candidate mixed_candidate(const RecipeMixer& mixer, const std::string& name,
                          const FormatChoices& choices);

/// The one in which all groups have the same, "all int8".
Candidate uniform_candidate(const RecipeMixer& mixer, std::size_t format);

/// How a search went.
struct SearchOutcome {
  std::vector<std::size_t> formats;               ///< that could be chosen: float, and the measured
  std::vector<std::vector<GroupChoice>> choices;  ///< of each group, one a format of the mixer's
  std::vector<TriedRecipe> tried;                 ///< in their order; those beside last
  std::optional<std::size_t> found;               ///< among `tried`
  Json recipe;                                    ///< of it, under its own name
  std::vector<GateOutcome> verdicts;              ///< of the found one on the held-out data
  bool ran_out_of_time = false;
  double sensitivity_seconds = 0;  ///< of this process, as the other two
  double trial_seconds = 0;
  double held_out_seconds = 0;
};

/// One search. Values that were measured before are taken from the folder.
class RecipeSearch {
 public:
  /// @param mixer for the groups that the task can tell something of
  /// @param folder of the search's state
  /// All of them must outlive it.
  RecipeSearch(const SearchCommandOptions& options, const OpenedModel& floating,
               const RecipeMixer& mixer, const SearchData& data, std::filesystem::path folder);

  /// Throws UsageError if the task hasn't the metric of a goal.
  SearchOutcome run();

 private:
  bool is_float(const FormatChoices& choices) const;
  bool is_out_of_time();

  void require_goal_metrics() const;
  void measure_formats();
  void value_choices();
  void look_for_mix();
  void choose_found();
  void measure_held_out();

  /// The recipe of what was found, with the name of its file and a comment.
  Recipe found_recipe(const TriedRecipe& found) const;

  /// Null if no recipe with these choices was tried.
  const TriedRecipe* tried_with(const FormatChoices& choices) const;

  /// By the additive model: see TriedRecipe::expected_changes.
  double changes_of(const FormatChoices& choices) const;

  /// Whether a mix that is expected to change so many decisions meets the goals, as far as others
  /// tell that change more and meet them or change less and don't; nothing: they don't tell, or
  /// contradict each other.
  std::optional<bool> implied(double squared_changes) const;
  /// Measures it on the search data and adds it to what was tried.
  void try_recipe(const Candidate& candidate, const FormatChoices& choices);
  /// Of each group, for the formats that can be chosen: costs, and squares of expected changes.
  std::vector<std::vector<ChoiceValue>> choice_values() const;

  const SearchCommandOptions& options_;
  const OpenedModel& floating_;
  const RecipeMixer& mixer_;
  const SearchData& data_;
  SearchTrials trials_;
  Stopwatch since_start_;
  double seconds_ = 0;
  std::vector<std::vector<SeenEffect>> seen_;  ///< by format, then group; empty: not measured
  double rest_cost_ = 0;
  SearchOutcome outcome_;
};

}  // namespace clipq
