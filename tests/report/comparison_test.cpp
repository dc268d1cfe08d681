#include "clipq/report/comparison.h"

#include <gmock/gmock.h>

#include <cmath>

#include "clipq/core/error.h"
#include "measured_results.h"

namespace clipq {
namespace {

using testing::benched;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::kBase;
using testing::kInt8;
using testing::sized;
using testing::with_outcomes;

/// The message of the UsageError that compare_results() throws.
std::string refusal(const std::vector<Result>& base, const std::vector<Result>& now) {
  try {
    compare_results(base, now);
  } catch (const UsageError& error) {
    return error.what();
  }
  return "no UsageError";
}

/// What CLIP_benchmark says: the data set's key, and nothing of hash, items and environment.
Result from_clip_benchmark(double acc1) {
  Result result;
  result.task = "zeroshot_classification";
  result.model.path = "ViT-B-32 openai";
  result.data.emplace();
  result.data->spec = "wds/cifar100";
  result.data->dataset = "cifar100";
  result.metrics = {{"acc1", acc1}};
  return result;
}

TEST(Comparison, OneFileMayBeBaseAndNew) {
  const std::vector<Result> results = {with_outcomes(kBase, 40, 60), with_outcomes(kInt8, 45, 55),
                                       benched(kBase, 90), benched(kInt8, 45)};
  const ComparedModels compared = compare_results(results, results);
  EXPECT_EQ(compared.base.path, "models/base.pt");
  ASSERT_EQ(compared.comparisons.size(), 1U);
  const Comparison& comparison = compared.comparisons.front();
  EXPECT_EQ(comparison.model.path, "models/int8.pt");
  ASSERT_EQ(comparison.metrics.size(), 1U);
  const MetricComparison& acc1 = comparison.metrics.front();
  EXPECT_NEAR(acc1.drop(), 0.05, 1e-12);
  ASSERT_TRUE(acc1.paired);
  EXPECT_EQ(acc1.paired->lost, 5);
  EXPECT_GT(*acc1.largest_drop(), acc1.drop());
  ASSERT_EQ(comparison.latencies.size(), 1U);
  EXPECT_EQ(comparison.latencies.front().speed_up(), 2);
  EXPECT_THAT(comparison.warnings, IsEmpty());
}

TEST(Comparison, EveryModelAndModeOtherThanTheBaseIsNew) {
  Result simulated = with_outcomes(kInt8, 40, 60);
  simulated.model.mode = "simulate";
  const ComparedModels compared =
      compare_results({with_outcomes(kBase, 40, 60), with_outcomes(kInt8, 40, 60)},
                      {with_outcomes(kInt8, 41, 59), simulated, with_outcomes(kBase, 40, 60)});
  ASSERT_EQ(compared.comparisons.size(), 2U);
  EXPECT_EQ(compared.comparisons[0].model.mode, "native");
  EXPECT_EQ(compared.comparisons[1].model.mode, "simulate");
}

TEST(Comparison, HashesPairAndOtherwiseTheDataSetsKey) {
  Result moved = with_outcomes(kInt8, 45, 55);
  moved.data->spec = "cifar100:elsewhere";
  moved.data->dataset.clear();
  EXPECT_TRUE(compare_results({with_outcomes(kBase, 40, 60)}, {moved})
                  .comparisons[0]
                  .metrics[0]
                  .paired.has_value());

  Result changed = with_outcomes(kInt8, 45, 55);
  changed.data->sha256 = "ba9876543210";
  EXPECT_THAT(refusal({with_outcomes(kBase, 40, 60)}, {changed}),
              AllOf(HasSubstr("the base models/base.pt has zeroshot_classification on cifar100 "
                              "(100 items, sha256 01234567)"),
                    HasSubstr("the new model models/int8.pt has zeroshot_classification on "
                              "cifar100 (100 items, sha256 ba987654)")));
  EXPECT_THAT(refusal({with_outcomes(kBase, 40, 60)}, {with_outcomes(kInt8, 40, 50)}),
              HasSubstr("nothing to compare"));
  EXPECT_THAT(refusal({with_outcomes(kBase, 40, 60)}, {benched(kInt8, 1)}),
              HasSubstr("models/int8.pt has bench;"));
}

TEST(Comparison, ClipBenchmarksResultsPairByName) {
  const ComparedModels compared =
      compare_results({from_clip_benchmark(0.625)}, {with_outcomes(kInt8, 40, 60)});
  const Comparison& comparison = compared.comparisons.front();
  EXPECT_NEAR(comparison.metrics.front().drop(), 0.025, 1e-12);
  EXPECT_FALSE(comparison.metrics.front().paired);
  EXPECT_THAT(comparison.warnings,
              ElementsAre(HasSubstr("zeroshot_classification on cifar100: paired only by the "
                                    "data set's name")));
  EXPECT_TRUE(std::isnan(size_ratio(compared.base, comparison.model, SizeReference::kFile)));
}

TEST(Comparison, OtherSettingsAreWarnedOf) {
  Result base = with_outcomes(kBase, 40, 60);
  base.settings = {{"batch_size", 64}, {"protocol", "openai"}};
  Result now = with_outcomes(kInt8, 40, 60);
  now.settings = {{"batch_size", 32}};
  now.data->templates = 1;
  now.warnings = {"12 images were calibrated on"};
  EXPECT_THAT(compare_results({base}, {now}).comparisons[0].warnings,
              ElementsAre("zeroshot_classification on cifar100: base and new model were measured "
                          "with different settings: templates 18 and 1, batch_size 64 and 32, "
                          "protocol \"openai\" and null",
                          "12 images were calibrated on"));
}

TEST(Comparison, ABatchSizeThatOnlyOneModelDependsOnIsNoDifference) {
  Result base = with_outcomes(kBase, 40, 60);
  base.settings = {{"recall_k", {1, 5}}};
  Result now = with_outcomes(kInt8, 40, 60);
  now.settings = {{"recall_k", {1, 5}}, {"batch_size", 64}};
  EXPECT_THAT(compare_results({base}, {now}).comparisons[0].warnings, IsEmpty());
}

TEST(Comparison, MostSimilarSettingsPair) {
  Result one_template = with_outcomes(kBase, 50, 50);
  one_template.data->templates = 1;
  const ComparedModels compared =
      compare_results({with_outcomes(kBase, 40, 60), one_template}, {with_outcomes(kInt8, 40, 60)});
  EXPECT_EQ(compared.comparisons[0].metrics[0].base, 0.6);
  EXPECT_THAT(compared.comparisons[0].warnings, IsEmpty());
  const ComparedModels later = compare_results(
      {with_outcomes(kBase, 40, 60), with_outcomes(kBase, 30, 70)}, {with_outcomes(kInt8, 40, 60)});
  EXPECT_EQ(later.comparisons[0].metrics[0].base, 0.7);
}

TEST(Comparison, WhatHasNoPartnerIsWarnedOf) {
  Result elsewhere = benched(kInt8, 45);
  elsewhere.environment->cpu = "CPU Y";
  Result retrieval = with_outcomes(kInt8, 40, 60);
  retrieval.task = "zeroshot_retrieval";
  const Comparison comparison =
      compare_results({with_outcomes(kBase, 40, 60), benched(kBase, 90)}, {elsewhere, retrieval})
          .comparisons[0];
  EXPECT_THAT(comparison.latencies, IsEmpty());
  EXPECT_THAT(comparison.unpaired_metrics, ElementsAre("acc1"));
  EXPECT_THAT(comparison.warnings,
              ElementsAre("zeroshot_retrieval on cifar100: only the new model was measured on it",
                          "zeroshot_classification on cifar100: only the base was measured on it",
                          "no speed-up between different machines: CPU X, AVX2, 2 threads and "
                          "CPU Y, AVX2, 2 threads"));
}

TEST(Comparison, RiseOfTheCalibrationErrorIsADrop) {
  Result base = with_outcomes(kBase, 40, 60);
  Result now = with_outcomes(kInt8, 40, 60);
  base.metrics = {{"ece", 0.25}};
  now.metrics = {{"ece", 0.375}};
  EXPECT_EQ(compare_results({base}, {now}).comparisons[0].metrics[0].drop(), 0.125);
}

TEST(Comparison, SizesAgainstTheFileAndFloat32) {
  const ModelInfo base = sized(kBase, 8 << 20, 0).model;
  EXPECT_EQ(size_ratio(base, kInt8.model, SizeReference::kFile), 0.25);
  EXPECT_EQ(size_ratio(base, kInt8.model, SizeReference::kFloat32), 0.125);
  EXPECT_EQ(size_ratio(base, sized(kInt8, 2 << 20, 0).model, SizeReference::kFloat32), 0.5);
  EXPECT_TRUE(std::isnan(size_ratio(kBase.model, kInt8.model, SizeReference::kFloat32)));
}

TEST(Comparison, NothingOnOneSideIsRefused) {
  EXPECT_THAT(refusal({}, {kInt8}), HasSubstr("the base files contain no Results"));
  EXPECT_THAT(refusal({with_outcomes(kBase, 1, 1)}, {}),
              HasSubstr("the new models contain no Results"));
}

TEST(Comparison, OutcomesOfOtherItemsGiveNoIntervalButAWarning) {
  Result other = with_outcomes(kInt8, 40, 60);
  other.outcomes["acc1"].hits.pop_back();
  const Comparison comparison =
      compare_results({with_outcomes(kBase, 40, 60)}, {other}).comparisons[0];
  EXPECT_FALSE(comparison.metrics[0].paired);
  EXPECT_THAT(comparison.warnings,
              ElementsAre(HasSubstr("acc1: no interval, because base and new model")));
}

TEST(Comparison, TheSameModelElsewhereIsTheBase) {
  Result copy = with_outcomes(kBase, 40, 60);
  copy.model.sha256 = "ab";
  Result base = copy;
  copy.model.path = "elsewhere/base.pt";
  const ComparedModels beside = compare_results({base}, {copy, with_outcomes(kInt8, 30, 70)});
  ASSERT_EQ(beside.comparisons.size(), 1U);
  EXPECT_EQ(beside.comparisons[0].model.path, kInt8.model.path);
  const ComparedModels alone = compare_results({base}, {copy});
  ASSERT_EQ(alone.comparisons.size(), 1U);
  EXPECT_EQ(alone.comparisons[0].metrics[0].drop(), 0);
  EXPECT_EQ(alone.comparisons[0].metrics[0].largest_drop(), 0);
}

}  // namespace
}  // namespace clipq
