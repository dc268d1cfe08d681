#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <vector>

namespace clipq {

/// What choosing a format for a group of layers brings, both summed over groups.
struct ChoiceValue {
  double cost = 0;
  double effect = 0;
};

/// A choice for each group.
struct ChoicePoint {
  double cost = 0;
  double effect = 0;
  std::vector<std::size_t> choices;  ///< of each group
};

/// The multiple-choice knapsack for all capacities at once: the choices that no other ones beat in
/// cost without more effect, by rising cost and falling effect. Of those that are equal in both,
/// the ones are taken that prefer earlier choices. Exact while no more than `most_points` partial
/// sums are undominated; beyond that, of those whose costs are equal to one part in `most_points`,
/// the one with the least effect is kept.
/// @param groups of each its choices, at least one
std::vector<ChoicePoint> choice_front(const std::vector<std::vector<ChoiceValue>>& groups,
                                      std::size_t most_points = 20'000);

/// Looks for the cheapest point that passes, as if all points after one that passes did too: tries
/// the first one, then halves the ratio of the costs between the cheapest that passed and the
/// dearest that didn't until it is below `resolution`.
/// @param points by rising cost; the last one is taken for the safest
/// @param passes called with an index, once for each; nothing: there is no more time, which ends
///        the search
/// @return the index of the cheapest that passed; nothing: none did
std::optional<std::size_t> cheapest_passing(
    const std::vector<ChoicePoint>& points, double resolution,
    const std::function<std::optional<bool>(std::size_t point)>& passes);

}  // namespace clipq
