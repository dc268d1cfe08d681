#include "clipq/search/choice_front.h"

#include <algorithm>
#include <cmath>

namespace clipq {
namespace {

/// A sum over the first groups, and how it came about.
struct PartialSum {
  double cost = 0;
  double effect = 0;
  std::size_t before = 0;  ///< among the sums of one group less
  std::size_t choice = 0;
};

using PartialSums = std::vector<PartialSum>;

/// Those that none beats, by rising cost. The order of equal ones is that of `sums`.
PartialSums undominated(PartialSums sums) {
  std::stable_sort(sums.begin(), sums.end(), [](const PartialSum& a, const PartialSum& b) {
    return a.cost != b.cost ? a.cost < b.cost : a.effect < b.effect;
  });
  PartialSums front;
  for (const PartialSum& sum : sums) {
    if (front.empty() || sum.effect < front.back().effect) front.push_back(sum);
  }
  return front;
}

/// At most about that many of a front, evenly by cost. Its ends stay.
PartialSums thinned(const PartialSums& front, std::size_t most) {
  if (front.size() <= most) return front;
  const double step = (front.back().cost - front.front().cost) /
                      static_cast<double>(std::max<std::size_t>(1, most));
  PartialSums kept = {front.front()};
  double bucket = 0;
  for (std::size_t i = 1; i < front.size(); ++i) {
    const double own = std::floor((front[i].cost - front.front().cost) / step);
    if (own == bucket && kept.size() > 1) {
      kept.back() = front[i];  // dearer, and with less effect
    } else {
      kept.push_back(front[i]);
    }
    bucket = own;
  }
  return kept;
}

PartialSums with_group(const PartialSums& before, const std::vector<ChoiceValue>& choices,
                       std::size_t most) {
  PartialSums sums;
  sums.reserve(before.size() * choices.size());
  for (std::size_t i = 0; i < before.size(); ++i) {
    for (std::size_t choice = 0; choice < choices.size(); ++choice) {
      sums.push_back({before[i].cost + choices[choice].cost,
                      before[i].effect + choices[choice].effect, i, choice});
    }
  }
  return thinned(undominated(std::move(sums)), most);
}

/// The first index from `begin` to before `end` whose cost is at least that, else the last of them.
std::size_t nearest_index(const std::vector<ChoicePoint>& points, std::size_t begin,
                          std::size_t end, double cost) {
  const auto first = points.begin() + static_cast<std::ptrdiff_t>(begin);
  const auto last = points.begin() + static_cast<std::ptrdiff_t>(end);
  const auto found = std::lower_bound(
      first, last, cost, [](const ChoicePoint& point, double value) { return point.cost < value; });
  return std::min(static_cast<std::size_t>(found - points.begin()), end - 1);
}

}  // namespace

std::vector<ChoicePoint> choice_front(const std::vector<std::vector<ChoiceValue>>& groups,
                                      std::size_t most_points) {
  std::vector<PartialSums> steps = {{PartialSum()}};
  for (const auto& choices : groups) {
    steps.push_back(with_group(steps.back(), choices, most_points));
  }
  std::vector<ChoicePoint> points;
  for (const PartialSum& sum : steps.back()) {
    ChoicePoint point = {sum.cost, sum.effect, std::vector<std::size_t>(groups.size())};
    const PartialSum* each = &sum;
    for (std::size_t group = groups.size(); group > 0; --group) {
      point.choices[group - 1] = each->choice;
      each = &steps[group - 1][each->before];
    }
    points.push_back(std::move(point));
  }
  return points;
}

std::optional<std::size_t> cheapest_passing(
    const std::vector<ChoicePoint>& points, double resolution,
    const std::function<std::optional<bool>(std::size_t point)>& passes) {
  const std::optional<bool> safest = passes(points.size() - 1);
  if (!safest.value_or(false)) return std::nullopt;
  std::size_t passed = points.size() - 1;
  if (passed == 0) return passed;
  const std::optional<bool> cheapest = passes(0);
  if (!cheapest) return passed;
  if (*cheapest) return 0;
  std::size_t failed = 0;
  while (passed - failed > 1 && points[passed].cost > points[failed].cost * (1 + resolution)) {
    const double middle = std::sqrt(points[passed].cost * points[failed].cost);
    const std::size_t next = nearest_index(points, failed + 1, passed, middle);
    const std::optional<bool> outcome = passes(next);
    if (!outcome) break;
    (*outcome ? passed : failed) = next;
  }
  return passed;
}

}  // namespace clipq
