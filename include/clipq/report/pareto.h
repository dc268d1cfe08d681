#pragma once

#include <cstddef>
#include <vector>

namespace clipq {

/// What something costs and what it is worth; NaN where that isn't known.
struct Tradeoff {
  double cost = 0;   ///< less is better
  double value = 0;  ///< more is better
};

/// The points that no other one beats: none has less cost without less value, or more value without
/// more cost. Equal points are all on the front; those with a NaN never. By rising cost, then
/// index.
std::vector<std::size_t> pareto_front(const std::vector<Tradeoff>& points);

}  // namespace clipq
