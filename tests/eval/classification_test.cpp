#include "clipq/eval/classification.h"

#include <ATen/ops/eye.h>
#include <ATen/ops/tensor.h>
#include <gmock/gmock.h>

#include <cmath>

#include "clipq/core/error.h"

namespace clipq {
namespace {

using ::testing::ElementsAre;

/// Logits as they are: features through the identity.
Predictions predict_logits(const at::Tensor& logits, const std::vector<int>& labels) {
  return predict(logits, at::eye(logits.size(1), at::kDouble), {}, labels);
}

ClassificationMetrics metrics_of(const at::Tensor& logits, const std::vector<int>& labels) {
  return classification_metrics(predict_logits(logits, labels).label_ranks, labels, logits.size(1));
}

at::Tensor by_hand() {
  return at::tensor({0.9f, 0.1f, 0.0f, 0.2f, 0.3f, 0.4f,  //
                     0.1f, 0.2f, 0.3f, 0.4f, 0.5f, 0.6f,  //
                     0.1f, 0.9f, 0.3f, 0.4f, 0.5f, 0.6f})
      .view({3, 6});
}

TEST(ClassificationMetrics, CountByHand) {
  const ClassificationMetrics metrics = metrics_of(by_hand(), {0, 0, 1});
  EXPECT_DOUBLE_EQ(metrics.acc1, 2.0 / 3);
  EXPECT_DOUBLE_EQ(metrics.acc5, 2.0 / 3);
  EXPECT_DOUBLE_EQ(metrics.mean_per_class_recall, (0.5 + 1.0) / 2);
}

TEST(ClassificationMetrics, TiesGoToTheLowestIndex) {
  const at::Tensor logits = at::tensor({0.5f, 0.5f, 0.5f, 0.5f, 0.5f, 0.5f}).view({1, 6});
  EXPECT_EQ(metrics_of(logits, {0}).acc1, 1);
  EXPECT_EQ(metrics_of(logits, {1}).acc1, 0);
  EXPECT_EQ(metrics_of(logits, {4}).acc5, 1);
  EXPECT_EQ(metrics_of(logits, {5}).acc5, 0);
  EXPECT_THAT(predict_logits(logits, {3}).classes, ElementsAre(0));
}

TEST(ClassificationMetrics, TopFiveNeedsFiveClasses) {
  const at::Tensor logits = at::tensor({0.5f, 0.1f}).view({1, 2});
  EXPECT_TRUE(std::isnan(metrics_of(logits, {0}).acc5));
}

TEST(Predict, AppliesWeightAndBiasAndGivesConfidences) {
  const at::Tensor features = at::tensor({1.0f, 2.0f}).view({1, 2});
  const at::Tensor weight = at::tensor({1.0, 0.0, 0.0, 1.0, 1.0, 1.0}).view({3, 2});
  const Predictions predictions = predict(features, weight, at::tensor({0.0, 0.5, -1.0}), {0});
  EXPECT_THAT(predictions.classes, ElementsAre(1));  // logits 1, 2.5, 2
  EXPECT_THAT(predictions.label_ranks, ElementsAre(2));
  EXPECT_NEAR(predictions.confidences[0],
              std::exp(2.5) / (std::exp(1) + std::exp(2.5) + std::exp(2)), 1e-15);
}

TEST(Predict, RefusesWhatIsNotFinite) {
  const at::Tensor logits = at::tensor({0.5f, 0.1f, std::nanf(""), 0.2f}).view({2, 2});
  EXPECT_THROW(predict_logits(logits, {0, 0}), InputError);
}

TEST(ClassificationMeasurement, KeepsTheItemsBehindEachMetric) {
  const std::vector<int> labels = {0, 0, 1};
  const Measurement measurement =
      classification_measurement(predict_logits(by_hand(), labels), labels, 6, "lp_");
  EXPECT_EQ(measurement.metrics[0].first, "lp_acc1");
  EXPECT_EQ(measurement.outcomes.at("lp_acc1").hits, "101");
  EXPECT_EQ(measurement.outcomes.at("lp_acc5").hits, "101");
  EXPECT_THAT(measurement.outcomes.at("lp_mean_per_class_recall").strata, ElementsAre(0, 0, 1));
}

TEST(PerClassTable, NamesWhatClassesAreTakenFor) {
  const std::vector<int> labels = {0, 0, 1};
  const Json table =
      per_class_table(predict_logits(by_hand(), labels), labels, {"a", "b", "c", "d", "e", "f"});
  ASSERT_EQ(table.size(), 2U);
  EXPECT_EQ(table[0].dump(), R"({"class":"a","items":2,"recall":0.5,"taken_for":"f","times":1})");
  EXPECT_EQ(table[1].dump(), R"({"class":"b","items":1,"recall":1.0})");
}

}  // namespace
}  // namespace clipq
