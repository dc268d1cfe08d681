#include "clipq/numerics/outliers.h"

#include <ATen/ops/ones.h>
#include <ATen/ops/zeros.h>
#include <gmock/gmock.h>

#include "tensors.h"

namespace clipq {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::random_normal;

TEST(Outliers, AreBeyondEightTimesTheMedian) {
  const at::Tensor rows = at::ones({9, 4});
  rows[3][1] = -16;
  rows[5][1] = 8;  // not beyond
  const Outliers tokens = outlier_tokens(rows);
  EXPECT_EQ(tokens.ratio, 16);
  EXPECT_THAT(tokens.indices, ElementsAre(3));
  EXPECT_DOUBLE_EQ(tokens.summary().share, 1 / 9.0);
  const Outliers channels = outlier_channels(rows);
  EXPECT_EQ(channels.ratio, 16);
  EXPECT_THAT(channels.indices, ElementsAre(1));
  EXPECT_DOUBLE_EQ(channels.summary().share, 0.25);
}

TEST(Outliers, WhatIsZeroDoesNotCountForTheMedian) {
  const at::Tensor rows = at::zeros({10, 3});
  rows.narrow(0, 0, 3).fill_(2);
  EXPECT_EQ(outlier_tokens(rows).ratio, 1);
  EXPECT_THAT(outlier_tokens(rows).indices, IsEmpty());
  EXPECT_EQ(outlier_tokens(at::zeros({4, 3})).ratio, 0);
}

TEST(Outliers, OfMapsAreOfPositionsInOrder) {
  const at::Tensor map = random_normal({1, 5, 7, 16}, 2);
  map[0][2][3][4] = 1000;
  EXPECT_THAT(outlier_tokens(map).indices, ElementsAre(2 * 7 + 3));
  EXPECT_THAT(outlier_channels(map).indices, ElementsAre(4));
}

}  // namespace
}  // namespace clipq
