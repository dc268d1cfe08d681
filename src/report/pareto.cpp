#include "clipq/report/pareto.h"

#include <algorithm>
#include <cmath>

namespace clipq {
namespace {

bool beats(const Tradeoff& one, const Tradeoff& other) {
  const bool no_worse = one.cost <= other.cost && one.value >= other.value;
  return no_worse && (one.cost < other.cost || one.value > other.value);
}

}  // namespace

std::vector<std::size_t> pareto_front(const std::vector<Tradeoff>& points) {
  std::vector<std::size_t> front;
  for (std::size_t i = 0; i < points.size(); ++i) {
    const bool known = !std::isnan(points[i].cost) && !std::isnan(points[i].value);
    const bool beaten = std::any_of(points.begin(), points.end(),
                                    [&](const Tradeoff& other) { return beats(other, points[i]); });
    if (known && !beaten) front.push_back(i);
  }
  std::stable_sort(front.begin(), front.end(), [&](std::size_t left, std::size_t right) {
    return points[left].cost < points[right].cost;
  });
  return front;
}

}  // namespace clipq
