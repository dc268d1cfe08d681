#include "clipq/report/pareto.h"

#include <gmock/gmock.h>

#include <limits>

namespace clipq {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();

TEST(ParetoFront, LeavesOutWhatIsBeaten) {
  // Bigger and better, small and worse, in the middle and worse than both, dear and bad.
  EXPECT_THAT(pareto_front({{4, 0.9}, {1, 0.6}, {2, 0.5}, {8, 0.8}}), ElementsAre(1, 0));
}

TEST(ParetoFront, KeepsEqualPointsAndIsSortedByCost) {
  EXPECT_THAT(pareto_front({{3, 0.9}, {1, 0.5}, {3, 0.9}, {2, 0.7}}), ElementsAre(1, 3, 0, 2));
}

TEST(ParetoFront, OneOfEqualCostOrValueBeatsTheOther) {
  EXPECT_THAT(pareto_front({{1, 0.5}, {1, 0.6}}), ElementsAre(1));
  EXPECT_THAT(pareto_front({{2, 0.6}, {1, 0.6}}), ElementsAre(1));
}

TEST(ParetoFront, KnowsNothingOfUnknownPoints) {
  EXPECT_THAT(pareto_front({{kUnknown, 0.9}, {1, kUnknown}, {5, 0.1}}), ElementsAre(2));
  EXPECT_THAT(pareto_front({}), IsEmpty());
}

}  // namespace
}  // namespace clipq
