#pragma once

#include <cstddef>
#include <vector>

namespace clipq {

/// A cost and a value; NaN if unknown.
struct Tradeoff {
  double cost = 0;   ///< less is better
  double value = 0;  ///< more is better
};

/// The points that aren't dominated: none has less cost without less value, or more value without
/// more cost. Equal points are all on the front; those with a NaN never. By rising cost, then
/// index.
std::vector<std::size_t> pareto_front(const std::vector<Tradeoff>& points);

}  // namespace clipq
