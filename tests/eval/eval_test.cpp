#include <ATen/ops/tensor.h>
#include <gmock/gmock.h>

#include <cmath>

#include "clipq/core/error.h"
#include "clipq/eval/classification_metrics.h"

namespace clipq {
namespace {

TEST(ClassificationMetrics, CountByHand) {
  const at::Tensor logits = at::tensor({0.9f, 0.1f, 0.0f, 0.2f, 0.3f, 0.4f,  //
                                        0.1f, 0.2f, 0.3f, 0.4f, 0.5f, 0.6f,  //
                                        0.1f, 0.9f, 0.3f, 0.4f, 0.5f, 0.6f})
                                .view({3, 6});
  const ClassificationMetrics metrics = classification_metrics(logits, {0, 0, 1});
  EXPECT_DOUBLE_EQ(metrics.acc1, 2.0 / 3);
  EXPECT_DOUBLE_EQ(metrics.acc5, 2.0 / 3);
  EXPECT_DOUBLE_EQ(metrics.mean_per_class_recall, (0.5 + 1.0) / 2);
}

TEST(ClassificationMetrics, TiesGoToTheLowestIndex) {
  const at::Tensor logits = at::tensor({0.5f, 0.5f, 0.5f, 0.5f, 0.5f, 0.5f}).view({1, 6});
  EXPECT_EQ(classification_metrics(logits, {0}).acc1, 1);
  EXPECT_EQ(classification_metrics(logits, {1}).acc1, 0);
  EXPECT_EQ(classification_metrics(logits, {4}).acc5, 1);
  EXPECT_EQ(classification_metrics(logits, {5}).acc5, 0);
}

TEST(ClassificationMetrics, RefusesWhatIsNotFinite) {
  const at::Tensor logits = at::tensor({0.5f, 0.1f, std::nanf(""), 0.2f}).view({2, 2});
  EXPECT_THROW(classification_metrics(logits, {0, 0}), InputError);
}

TEST(ClassificationMetrics, TopFiveNeedsFiveClasses) {
  const at::Tensor logits = at::tensor({0.5f, 0.1f}).view({1, 2});
  EXPECT_TRUE(std::isnan(classification_metrics(logits, {0}).acc5));
  EXPECT_THROW(classification_metrics(logits, {2}), InputError);
}

}  // namespace
}  // namespace clipq
