#include "clipq/search/choice_front.h"

#include <gmock/gmock.h>

#include <cmath>
#include <random>
#include <set>

namespace clipq {
namespace {

using ::testing::ElementsAre;

using Groups = std::vector<std::vector<ChoiceValue>>;

/// All combinations of choices.
std::vector<ChoicePoint> all_points(const Groups& groups) {
  std::vector<ChoicePoint> points = {{}};
  for (const auto& choices : groups) {
    std::vector<ChoicePoint> longer;
    for (const ChoicePoint& point : points) {
      for (std::size_t i = 0; i < choices.size(); ++i) {
        ChoicePoint next = point;
        next.cost += choices[i].cost;
        next.effect += choices[i].effect;
        next.choices.push_back(i);
        longer.push_back(std::move(next));
      }
    }
    points = std::move(longer);
  }
  return points;
}

bool beats(const ChoicePoint& one, const ChoicePoint& other) {
  return one.cost <= other.cost && one.effect <= other.effect &&
         (one.cost < other.cost || one.effect < other.effect);
}

Groups random_groups(std::mt19937& random, std::size_t count, bool with_ties) {
  std::uniform_int_distribution<int> whole(0, 9);
  std::uniform_real_distribution<double> real(0, 1);
  Groups groups(count);
  for (auto& group : groups) {
    group.resize(1 + random() % 4);
    for (ChoiceValue& choice : group) {
      choice = with_ties ? ChoiceValue{double(whole(random)), double(whole(random))}
                         : ChoiceValue{real(random), real(random)};
    }
  }
  return groups;
}

TEST(ChoiceFront, IsThatOfAllCombinations) {
  std::mt19937 random(7);
  for (int round = 0; round < 60; ++round) {
    const Groups groups = random_groups(random, 1 + random() % 6, round % 2 == 0);
    const std::vector<ChoicePoint> all = all_points(groups);
    std::set<std::pair<double, double>> expected;
    for (const ChoicePoint& point : all) {
      const bool beaten = std::any_of(
          all.begin(), all.end(), [&](const ChoicePoint& other) { return beats(other, point); });
      if (!beaten) expected.emplace(point.cost, point.effect);
    }
    std::set<std::pair<double, double>> found;
    const std::vector<ChoicePoint> front = choice_front(groups);
    for (const ChoicePoint& point : front) {
      found.emplace(point.cost, point.effect);
      double cost = 0;
      for (std::size_t i = 0; i < groups.size(); ++i) cost += groups[i][point.choices[i]].cost;
      EXPECT_EQ(cost, point.cost);
    }
    EXPECT_EQ(found, expected);
    EXPECT_EQ(found.size(), front.size());
  }
}

TEST(ChoiceFront, PrefersEarlierChoicesAmongEqualOnes) {
  const auto front = choice_front({{{1, 1}, {1, 1}}, {{2, 0}, {2, 0}}});
  ASSERT_EQ(front.size(), 1U);
  EXPECT_THAT(front[0].choices, ElementsAre(0, 0));
}

TEST(ChoiceFront, StaysNearTheFrontWhenThinned) {
  std::mt19937 random(3);
  const Groups groups = random_groups(random, 24, false);
  const auto exact = choice_front(groups, 1'000'000);
  const auto thin = choice_front(groups, 2'000);
  EXPECT_LE(thin.size(), 2'001U);
  EXPECT_EQ(thin.front().cost, exact.front().cost);
  EXPECT_EQ(thin.back().effect, exact.back().effect);
  for (const ChoicePoint& point : thin) {
    // No exact point has clearly less effect at the same cost.
    for (const ChoicePoint& other : exact) {
      if (other.cost > point.cost) break;
      EXPECT_GT(other.effect, point.effect - 0.05);
    }
  }
}

/// Points with these costs.
std::vector<ChoicePoint> points_of(const std::vector<double>& costs) {
  std::vector<ChoicePoint> points;
  for (const double cost : costs) points.push_back({cost, -cost, {}});
  return points;
}

std::vector<double> hundred_costs() {
  std::vector<double> costs;
  for (int i = 0; i < 100; ++i) costs.push_back(std::pow(1.05, i));
  return costs;
}

TEST(CheapestPassing, FindsTheThreshold) {
  const auto points = points_of(hundred_costs());
  for (std::size_t threshold = 0; threshold < points.size(); ++threshold) {
    std::size_t tried = 0;
    const auto found = cheapest_passing(points, 0.001, [&](std::size_t i) -> std::optional<bool> {
      ++tried;
      return i >= threshold;
    });
    EXPECT_EQ(found, threshold);
    EXPECT_LE(tried, 10U);
  }
}

TEST(CheapestPassing, StopsAtTheResolution) {
  const auto points = points_of(hundred_costs());
  const auto found =
      cheapest_passing(points, 0.2, [](std::size_t i) -> std::optional<bool> { return i >= 50; });
  ASSERT_TRUE(found);
  EXPECT_GE(*found, 50U);
  EXPECT_LE(points[*found].cost, points[50].cost * 1.2);
}

TEST(CheapestPassing, FindsNothingIfTheSafestFails) {
  std::size_t tried = 0;
  const auto nothing = cheapest_passing(points_of({1, 2, 3}), 0.01, [&](std::size_t) {
    ++tried;
    return std::optional<bool>(false);
  });
  EXPECT_FALSE(nothing);
  EXPECT_EQ(tried, 1U);
}

TEST(CheapestPassing, KeepsWhatPassedWhenTimeIsUp) {
  const auto points = points_of(hundred_costs());
  std::size_t tried = 0;
  const auto found = cheapest_passing(points, 0.001, [&](std::size_t i) -> std::optional<bool> {
    if (++tried > 4) return std::nullopt;
    return i >= 10;
  });
  ASSERT_TRUE(found);
  EXPECT_GT(*found, 10U);
  EXPECT_LT(*found, 99U);
}

TEST(CheapestPassing, TakesTheOnlyPoint) {
  EXPECT_EQ(
      cheapest_passing(points_of({1}), 0.01, [](std::size_t) { return std::optional<bool>(true); }),
      0U);
}

}  // namespace
}  // namespace clipq
