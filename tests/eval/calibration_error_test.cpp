#include "clipq/eval/calibration_error.h"

#include <ATen/ops/eye.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <gmock/gmock.h>

#include <cmath>

#include "clipq/core/error.h"
#include "clipq/eval/classification.h"
#include "eval/json_tensors.h"

namespace clipq {
namespace {

/// The error of a classifier with these logits.
double error_of(const at::Tensor& logits, const std::vector<int>& labels) {
  const Predictions predictions = predict(logits, at::eye(logits.size(1), at::kDouble), {}, labels);
  return expected_calibration_error(at::tensor(predictions.confidences),
                                    at::tensor(predictions.label_ranks).eq(0));
}

TEST(CalibrationError, EqualsNumPy) {
  const Json golden = read_json(CLIPQ_TEST_DATA "/metrics.json").at("calibration_error");
  const double error =
      expected_calibration_error(testing::double_tensor(golden.at("confidences")),
                                 testing::double_tensor(golden.at("correct")).to(at::kBool));
  EXPECT_NEAR(error, golden.at("error").get<double>(), 1e-14);  // sums in another order
  const double of_cosines = error_of(testing::double_tensor(golden.at("cosines")).mul(100),
                                     golden.at("labels").get<std::vector<int>>());
  EXPECT_NEAR(of_cosines, golden.at("error_of_cosines").get<double>(), 1e-12);  // and other exp()s
}

/// Two items that share a bin make up for each other; in two bins their errors add up.
bool share_a_bin(double a, double b) {
  const double error =
      expected_calibration_error(at::tensor({a, b}), at::tensor({1L, 0L}, at::kLong).to(at::kBool));
  return std::abs(error - (1 - a + b) / 2) > 1e-9;
}

TEST(CalibrationError, ABinHasItsUpperEdge) {
  for (int k = 1; k < 15; ++k) {
    const double edge = static_cast<double>(k) / 15;
    EXPECT_TRUE(share_a_bin(edge - 0.01, edge)) << k;
    EXPECT_FALSE(share_a_bin(edge, std::nextafter(edge, 1))) << k;
    EXPECT_TRUE(share_a_bin(std::nextafter(edge, 1), edge + 0.01)) << k;
  }
  EXPECT_TRUE(share_a_bin(0, 0.01));
  EXPECT_TRUE(share_a_bin(0.99, 1));
}

TEST(CalibrationError, IsZeroForTheSureAndRightAndOneForTheSureAndWrong) {
  const at::Tensor logits = at::tensor({1000.0, 0.0, 0.0, 1000.0}).view({2, 2});
  EXPECT_EQ(error_of(logits, {0, 1}), 0);
  EXPECT_EQ(error_of(logits, {1, 0}), 1);
  EXPECT_EQ(error_of(at::zeros({1, 2}, at::kDouble), {0}), 0.5);
  EXPECT_EQ(error_of(at::zeros({1, 2}, at::kDouble), {1}), 0.5);
}

TEST(CalibrationError, RefusesWhatIsNoProbability) {
  const at::Tensor correct = at::zeros({1}, at::kBool);
  EXPECT_THROW(expected_calibration_error(at::tensor({1.01}), correct), InputError);
  EXPECT_THROW(expected_calibration_error(at::tensor({std::nan("")}), correct), InputError);
  EXPECT_TRUE(std::isnan(
      expected_calibration_error(at::zeros({0}, at::kDouble), at::zeros({0}, at::kBool))));
}

}  // namespace
}  // namespace clipq
