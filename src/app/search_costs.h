#pragma once

#include <string>
#include <vector>

#include "clipq/quant/recipe_mixer.h"
#include "search_trials.h"

namespace clipq {

/// What a search minimizes, by group of layers.
struct GroupCosts {
  std::vector<std::vector<double>> groups;  ///< of each, one a format
  double rest = 0;                          ///< of what isn't in groups
};

/// The costs of a search's groups in each format: bytes of the artifact, bit operations, or
/// milliseconds of a pass through the towers that the task needs. Times are measured once and kept.
/// @param candidates of each format, the one in which all groups have it
GroupCosts group_costs(const SearchTrials& trials, const std::vector<Candidate>& candidates,
                       const RecipeMixer& mixer, const OpenedModel& floating,
                       const SearchCommandOptions& options);

/// The median time of a batch of images plus that of a batch of prompts, of the towers that the
/// task needs, as a share of the float model's. Both must have been timed.
double share_of_floats_time(const Trial& trial);

/// What was measured of a quantized model: bytes, bit operations, or share_of_floats_time().
double cost_of(const Trial& trial, const Candidate& candidate, const OpenedModel& floating,
               const SearchCommandOptions& options);

/// "bytes", "bit operations" or "of float's time".
const char* unit_of(SearchCost cost);

}  // namespace clipq
