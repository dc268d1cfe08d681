#include "clipq/search/changed_decisions.h"

#include <gmock/gmock.h>

#include <cmath>

namespace clipq {
namespace {

TEST(ExpectedChanges, ApproachWhatManyDecisionsShow) {
  // Of a million decisions, 1 % and 2 % changed, against what the distances say.
  const auto expected =
      expected_changes({{"image", 0.04, 0.99, 1'000'000}, {"image", 0.01, 0.98, 1'000'000}});
  EXPECT_NEAR(expected[0], 0.01, 1e-4);
  EXPECT_NEAR(expected[1], 0.02, 1e-4);
}

TEST(ExpectedChanges, AreThoseOfTheDistancesWhereNoDecisionChanged) {
  const auto expected =
      expected_changes({{"image", 0.04, 1, 100}, {"image", 0.01, 1, 100}, {"image", 0, 1, 100}});
  // One change in all, shared out by the roots 0.2 and 0.1: 2/3 and 1/3 of a change in 100, as
  // means of (0 + 4) / (100 + 4 / prior).
  EXPECT_NEAR(expected[0], 4 / (100 + 4 / (2.0 / 300)), 1e-12);
  EXPECT_NEAR(expected[1], 4 / (100 + 4 / (1.0 / 300)), 1e-12);
  EXPECT_EQ(expected[2], 0);
}

TEST(ExpectedChanges, HaveARateForEachTower) {
  // The same distances; texts change ten times as many decisions.
  const auto expected = expected_changes({{"image", 0.01, 0.999, 10'000},
                                          {"image", 0.01, 0.999, 10'000},
                                          {"text", 0.01, 0.99, 10'000},
                                          {"text", 0.01, 0.99, 10'000}});
  EXPECT_NEAR(expected[2] / expected[0], 10, 0.6);
}

TEST(ExpectedChanges, GoByTheDistanceWithoutDecisions) {
  const auto expected = expected_changes({{"image", 0.04, 1, 0}, {"image", 0.01, 1, 0}});
  EXPECT_NEAR(expected[0] / expected[1], 2, 1e-12);
}

TEST(ExpectedChanges, OfRoundingBelowZeroAreNone) {
  const auto expected = expected_changes({{"image", -1e-17, 1, 100}, {"image", 0.01, 1, 100}});
  EXPECT_EQ(expected[0], 0);
}

}  // namespace
}  // namespace clipq
