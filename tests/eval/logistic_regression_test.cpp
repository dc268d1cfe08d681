#include "clipq/eval/logistic_regression.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/full.h>
#include <ATen/ops/softmax.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "clipq/core/error.h"
#include "clipq/eval/probe.h"
#include "eval/json_tensors.h"
#include "tensors.h"

namespace clipq {
namespace {

using ::testing::HasSubstr;
using testing::max_difference;
using ::testing::ThrowsMessage;

/// Class clusters that overlap, on features with an offset and scales like CLIP's.
struct Problem {
  at::Tensor features;  ///< float32 [items, 8]
  at::Tensor labels;
};

Problem clusters(std::int64_t items, std::int64_t classes, double spread) {
  const at::Tensor labels = at::arange(items, at::kLong).remainder(classes);
  const at::Tensor centres = testing::random_normal({classes, 8}, 1).mul(spread);
  const at::Tensor noise = testing::random_normal({items, 8}, 2);
  const at::Tensor scale = at::tensor({1.0f, 0.3f, 0.3f, 0.3f, 2.0f, 0.1f, 0.3f, 0.3f});
  const at::Tensor offset = at::tensor({10.0f, 0.0f, 0.5f, 0.0f, -3.0f, 0.0f, 0.0f, 0.2f});
  return {centres.index_select(0, labels).add(noise).mul(scale).add(offset), labels};
}

bool same_bits(const LogisticRegression& a, const LogisticRegression& b) {
  return at::equal(a.weight, b.weight) && at::equal(a.intercept, b.intercept) &&
         a.iterations == b.iterations;
}

TEST(LogisticRegression, EqualsScikitLearn) {
  const Json golden_file = read_json(CLIPQ_TEST_DATA "/metrics.json");
  ASSERT_EQ(golden_file.at("logistic_regression").size(), 5U);
  for (const Json& problem : golden_file.at("logistic_regression")) {
    const at::Tensor features = testing::double_tensor(problem.at("features"));
    const at::Tensor labels = testing::double_tensor(problem.at("labels")).to(at::kLong);
    const double tolerance = problem.at("tolerance").get<double>();
    for (const Json& golden : problem.at("fits")) {
      SCOPED_TRACE(problem.at("name").get<std::string>());
      const LogisticRegressionOptions options = {golden.at("c").get<double>(), 100000, tolerance};
      const LogisticRegression fit =
          fit_logistic_regression(features, labels, labels.max().item<std::int64_t>() + 1, options);
      EXPECT_TRUE(fit.converged);
      // A fit stops where float64 sees no decrease, 1e-14 of the objective, which leaves parameters
      // the square root of that over the curvature: scikit-learn's L-BFGS is 1.6e-5 off here. At
      // the default tolerance both take the same steps, but for roundings that add up.
      const double within = tolerance < 1e-10 ? 2e-5 : 1e-6;
      EXPECT_LT(max_difference(fit.weight, testing::double_tensor(golden.at("weight"))), within);
      EXPECT_LT(max_difference(fit.intercept, testing::double_tensor(golden.at("intercept"))),
                within);
      EXPECT_LT(max_difference(at::softmax(fit.logits(features.narrow(0, 0, 8)), 1),
                               testing::double_tensor(golden.at("probabilities"))),
                within);
    }
  }
}

TEST(LogisticRegression, GivesTheSameBitsTwice) {
  const Problem problem = clusters(500, 5, 0.7);
  const LogisticRegression fit = fit_logistic_regression(problem.features, problem.labels, 5);
  EXPECT_TRUE(same_bits(fit, fit_logistic_regression(problem.features, problem.labels, 5)));
  EXPECT_TRUE(
      same_bits(fit, fit_logistic_regression(problem.features.to(at::kDouble), problem.labels, 5)));
}

TEST(LogisticRegression, StartsElsewhereAndEndsAtTheSameOptimum) {
  const Problem problem = clusters(400, 4, 0.5);
  const LogisticRegressionOptions options = {0.5, 10000, 1e-10};
  const LogisticRegression cold =
      fit_logistic_regression(problem.features, problem.labels, 4, options);
  const LogisticRegression other =
      fit_logistic_regression(problem.features, problem.labels, 4, {50, 10000, 1e-6});
  const LogisticRegression warm =
      fit_logistic_regression(problem.features, problem.labels, 4, options, &other);
  EXPECT_GT(max_difference(cold.weight, other.weight), 0.01);
  EXPECT_LT(max_difference(cold.weight, warm.weight), 1e-5);  // as against scikit-learn
  const LogisticRegression again =
      fit_logistic_regression(problem.features, problem.labels, 4, {0.5, 10000, 1e-4}, &cold);
  EXPECT_EQ(again.iterations, 0);
  EXPECT_TRUE(again.converged);
  EXPECT_TRUE(at::equal(again.weight, cold.weight));
}

TEST(LogisticRegression, LeavesTheInterceptUnpenalised) {
  const at::Tensor labels = at::cat({at::zeros({30}, at::kLong), at::full({10}, 1, at::kLong)});
  const LogisticRegression fit =
      fit_logistic_regression(at::zeros({40, 2}), labels, 2, {1e-3, 1000, 1e-10});
  EXPECT_EQ(fit.weight.abs().max().item<double>(), 0);
  const at::Tensor shares = at::softmax(fit.intercept, 0);
  EXPECT_NEAR(shares[0].item<double>(), 0.75, 1e-9);  // the gradient is this difference
}

TEST(LogisticRegression, StaysFiniteOnSeparableAndHugeFeatures) {
  const Problem problem = clusters(60, 3, 50);
  for (const double scale : {1.0, 1e4, 1e-6}) {
    const LogisticRegression fit =
        fit_logistic_regression(problem.features.mul(scale), problem.labels, 3, {1e3, 200, 1e-4});
    ASSERT_TRUE(fit.weight.isfinite().all().item<bool>()) << scale;
    if (scale >= 1) {
      const at::Tensor found = fit.logits(problem.features.mul(scale)).argmax(1);
      EXPECT_TRUE(at::equal(found, problem.labels)) << scale;
    }
  }
}

TEST(LogisticRegression, ReturnsAFitThatHasNotConverged) {
  const Problem problem = clusters(200, 4, 0.5);
  const LogisticRegression fit =
      fit_logistic_regression(problem.features, problem.labels, 4, {10, 3, 1e-8});
  EXPECT_FALSE(fit.converged);
  EXPECT_EQ(fit.iterations, 3);
}

TEST(LogisticRegression, RefusesWhatCannotBeLearned) {
  const Problem problem = clusters(20, 4, 1);
  const auto fit = [&](const at::Tensor& features, const at::Tensor& labels, std::int64_t classes) {
    return [=] { fit_logistic_regression(features, labels, classes); };
  };
  at::Tensor broken = problem.features.clone();
  broken[7][2] = std::numeric_limits<float>::quiet_NaN();
  broken[9][0] = std::numeric_limits<float>::infinity();
  EXPECT_THAT(fit(broken, problem.labels, 4),
              ThrowsMessage<InputError>(HasSubstr("2 of 20 items have NaN or infinite features, "
                                                  "the first being item 7")));
  EXPECT_THAT(fit(problem.features, problem.labels, 3),
              ThrowsMessage<InputError>(HasSubstr("item 3 has label 3, expected 0 to 2")));
  EXPECT_THAT(fit(problem.features, problem.labels.sub(1), 4),
              ThrowsMessage<InputError>(HasSubstr("item 0 has label -1")));
  EXPECT_THAT(fit(problem.features, problem.labels, 6),
              ThrowsMessage<InputError>(HasSubstr("2 of 6 classes have no training items, the "
                                                  "first being class 4")));
  EXPECT_THAT(fit(problem.features, at::zeros({20}, at::kLong), 1),
              ThrowsMessage<InputError>(HasSubstr("1 classes, expected at least 2")));
  EXPECT_THAT(fit(problem.features, problem.labels.narrow(0, 0, 19), 4),
              ThrowsMessage<InputError>(HasSubstr("expected [20]")));
  EXPECT_THAT(fit(at::zeros({0, 8}), at::zeros({0}, at::kLong), 4),
              ThrowsMessage<InputError>(HasSubstr("[0, 8]")));
  for (const LogisticRegressionOptions& options :
       {LogisticRegressionOptions{0}, LogisticRegressionOptions{1, 0},
        LogisticRegressionOptions{1, 10, 0}}) {
    EXPECT_THROW(fit_logistic_regression(problem.features, problem.labels, 4, options), UsageError);
  }
}

TEST(Probe, HoldsBackEveryFifthOfEachClass) {
  const at::Tensor labels = at::tensor({0, 0, 1, 0, 0, 1, 0, 0, 1, 1, 1, 2}, at::kLong);
  const at::Tensor expected =
      at::tensor({0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0}, at::kLong).to(at::kBool);
  EXPECT_TRUE(at::equal(validation_items(labels), expected));
}

TEST(Probe, TriesElevenValuesAndFitsTheBestToAll) {
  const Problem problem = clusters(300, 4, 0.5);
  const Probe probe = train_probe(problem.features, problem.labels, 4, {std::nullopt});
  ASSERT_EQ(probe.tried.size(), 11U);
  EXPECT_DOUBLE_EQ(probe.tried[0].c, 1e-3);
  EXPECT_DOUBLE_EQ(probe.tried[6].c, 1e3);
  EXPECT_NEAR(probe.tried[8].c / probe.tried[7].c, 10, 1e-9);
  EXPECT_NEAR(probe.tried[10].c / probe.tried[9].c, std::sqrt(10.0), 1e-9);
  const auto chosen = std::find_if(probe.tried.begin(), probe.tried.end(),
                                   [&](const TriedC& each) { return each.c == probe.c; });
  ASSERT_NE(chosen, probe.tried.end());
  for (const TriedC& each : probe.tried) {
    EXPECT_LE(each.accuracy, chosen->accuracy);
    EXPECT_TRUE(each.accuracy < chosen->accuracy || each.c >= chosen->c) << each.c;
  }
  const Probe plain = train_probe(problem.features, problem.labels, 4, {probe.c});
  EXPECT_TRUE(plain.tried.empty());
  EXPECT_TRUE(same_bits(plain.regression, probe.regression));
}

TEST(Probe, NeedsFiveItemsOfAClassToSweep) {
  const Problem problem = clusters(12, 4, 1);
  EXPECT_THAT([&] { train_probe(problem.features, problem.labels, 4, {std::nullopt}); },
              ThrowsMessage<InputError>(HasSubstr("none of the 4 classes has 5 items")));
}

}  // namespace
}  // namespace clipq
