#pragma once

#include "clipq/result/result.h"
#include "recipe_search.h"

namespace clipq {

/// Adds what a search did to the Result of the float checkpoint on the held-out data: its groups,
/// everything tried, and which recipe was found.
void add_search(Result& result, const SearchOutcome& outcome, const RecipeMixer& mixer,
                const SearchData& data, const SearchCommandOptions& options);

/// The recipe file of what was found: with what it was found for and with, and what was measured of
/// it. Holds no times unless they were minimized, so the same search gives the same file.
Json recipe_with_evidence(const SearchOutcome& outcome, const RecipeMixer& mixer,
                          const SearchData& data, const OpenedModel& floating,
                          const SearchCommandOptions& options);

}  // namespace clipq
