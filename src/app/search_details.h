#pragma once

#include "clipq/result/result.h"
#include "recipe_search.h"

namespace clipq {

/// Adds what a search did to the Result of the float checkpoint on the held-out data: its groups,
/// everything tried, and which recipe was found.
void add_search(Result& result, const SearchOutcome& outcome, const RecipeMixer& mixer,
                const SearchData& data, const SearchCommandOptions& options);

/// The recipe file of what was found: with its name, and as evidence what it was found for and
/// with, and what was measured of it. Holds no times, so the same search gives the same file.
/// @param name of the recipe
Json found_recipe(const std::string& name, const SearchOutcome& outcome, const SearchData& data,
                  const OpenedModel& floating, const SearchCommandOptions& options);

}  // namespace clipq
