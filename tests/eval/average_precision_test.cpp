#include "clipq/eval/average_precision.h"

#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <gmock/gmock.h>

#include <cmath>

#include "clipq/core/error.h"
#include "eval/json_tensors.h"
#include "tensors.h"

namespace clipq {
namespace {

TEST(AveragePrecision, EqualsNumPyAndScikitLearn) {
  const Json golden_file = read_json(CLIPQ_TEST_DATA "/metrics.json");
  ASSERT_EQ(golden_file.at("average_precision").size(), 2U);
  for (const Json& golden : golden_file.at("average_precision")) {
    const AveragePrecision precision =
        average_precision(testing::double_tensor(golden.at("scores")),
                          testing::double_tensor(golden.at("targets")).to(at::kBool));
    // Sums of at most 30 quotients in another order.
    EXPECT_LT(testing::max_difference(precision.per_class,
                                      testing::double_tensor(golden.at("per_class"))),
              1e-14);
    EXPECT_NEAR(precision.mean, golden.at("mean").get<double>(), 1e-14);
  }
}

TEST(AveragePrecision, RanksTheLowestIndexFirstAmongEqualScores) {
  const at::Tensor scores = at::zeros({4, 2}, at::kDouble);
  const at::Tensor targets =
      at::tensor({1, 0, 0, 0, 0, 0, 0, 1}, at::kLong).view({4, 2}).to(at::kBool);
  const AveragePrecision precision = average_precision(scores, targets);
  EXPECT_DOUBLE_EQ(precision.per_class[0].item<double>(), 1);
  EXPECT_DOUBLE_EQ(precision.per_class[1].item<double>(), 0.25);
}

TEST(AveragePrecision, CountsAClassWithoutPositivesAsZero) {
  const at::Tensor targets = at::tensor({1, 0}, at::kLong).view({1, 2}).to(at::kBool);
  EXPECT_DOUBLE_EQ(average_precision(at::zeros({1, 2}, at::kDouble), targets).mean, 0.5);
}

TEST(AveragePrecision, RefusesNaNAndOtherShapes) {
  const at::Tensor targets = at::zeros({1, 2}, at::kBool);
  EXPECT_THROW(average_precision(at::tensor({std::nan(""), 0.0}).view({1, 2}), targets),
               InputError);
  EXPECT_THROW(average_precision(at::zeros({2, 2}, at::kDouble), targets), InputError);
  EXPECT_THROW(average_precision(at::zeros({0, 2}, at::kDouble), at::zeros({0, 2}, at::kBool)),
               InputError);
}

}  // namespace
}  // namespace clipq
