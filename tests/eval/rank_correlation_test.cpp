#include "clipq/eval/rank_correlation.h"

#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <gmock/gmock.h>

#include <cmath>

#include "clipq/core/error.h"
#include "eval/json_tensors.h"
#include "tensors.h"

namespace clipq {
namespace {

TEST(RankCorrelation, EqualsSciPyWithTies) {
  const Json golden = read_json(CLIPQ_TEST_DATA "/metrics.json").at("rank_correlation");
  const at::Tensor a = testing::double_tensor(golden.at("a"));
  const at::Tensor b = testing::double_tensor(golden.at("b"));
  const RankCorrelation correlation = rank_correlation(a, b);
  EXPECT_EQ(correlation.queries, a.size(0));
  EXPECT_NEAR(correlation.mean, golden.at("mean").get<double>(), 1e-14);  // roundings of a quotient
  for (std::int64_t row = 0; row < a.size(0); ++row) {
    EXPECT_NEAR(rank_correlation(a.narrow(0, row, 1), b.narrow(0, row, 1)).mean,
                golden.at("each").at(row).get<double>(), 1e-14);
  }
}

TEST(RankCorrelation, IsExactlyOneForTheSameRanking) {
  const at::Tensor scores = testing::random_normal({3, 1000}, 1);
  EXPECT_EQ(rank_correlation(scores, scores.exp()).mean, 1);
  EXPECT_EQ(rank_correlation(scores, scores.neg()).mean, -1);
}

TEST(RankCorrelation, LeavesOutRowsWithoutARanking) {
  const at::Tensor a = at::tensor({1.0, 1.0, 1.0, 1.0, 2.0, 3.0}).view({2, 3});
  const at::Tensor b = at::tensor({1.0, 2.0, 3.0, 3.0, 2.0, 1.0}).view({2, 3});
  const RankCorrelation correlation = rank_correlation(a, b);
  EXPECT_EQ(correlation.queries, 1);
  EXPECT_EQ(correlation.mean, -1);
  const RankCorrelation single = rank_correlation(a.narrow(1, 0, 1), b.narrow(1, 0, 1));
  EXPECT_EQ(single.queries, 0);
  EXPECT_TRUE(std::isnan(single.mean));
}

TEST(RankCorrelation, RefusesNaNAndOtherShapes) {
  const at::Tensor a = at::zeros({1, 2}, at::kDouble);
  EXPECT_THROW(rank_correlation(a, at::zeros({1, 3}, at::kDouble)), InputError);
  EXPECT_THROW(rank_correlation(a, at::tensor({std::nan(""), 0.0}).view({1, 2})), InputError);
}

}  // namespace
}  // namespace clipq
