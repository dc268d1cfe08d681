#pragma once

#include <vector>

#include "clipq/quant/recipe_mixer.h"
#include "clipq/search/changed_decisions.h"
#include "search_trials.h"

namespace clipq {

/// What quantizing each of the groups alone by the candidate's recipe does to the first items of
/// the search data, in the groups' order. Keeps the quantized model as the candidate's artifact,
/// and what has been measured, which isn't measured again.
/// @param candidate in which all groups have the same format
std::vector<SeenEffect> format_sensitivity(const SearchTrials& trials, const Candidate& candidate,
                                           const std::vector<LayerGroup>& groups,
                                           const OpenedModel& floating, const ImageSource& source,
                                           const SearchCommandOptions& options);

}  // namespace clipq
