#include "clipq/report/report_document.h"

#include <gmock/gmock.h>

#include "clipq/core/error.h"
#include "clipq/report/headline.h"
#include "measured_results.h"

namespace clipq::testing {
namespace {

using ::testing::ElementsAre;

std::vector<Result> two_models() {
  return {with_outcomes(kBase, 400, 600), with_outcomes(kInt8, 404, 596), benched(kBase, 90),
          benched(kInt8, 45)};
}

TEST(ReportDocument, HoldsModelsAgainstTheFirst) {
  const Json document = report_document(two_models(), "Title");
  EXPECT_EQ(document["title"], "Title");
  EXPECT_EQ(document["models"][0]["label"], "float");
  EXPECT_EQ(document["models"][0]["values"][0].count("difference"), 0U);
  const Json& value = document["models"][1]["values"][0];
  EXPECT_NEAR(value["difference"], -0.004, 1e-12);
  EXPECT_NEAR(value["interval"][0], -0.0088, 1e-4);
  EXPECT_NEAR(value["interval"][1], 0.0008, 1e-4);
  EXPECT_EQ(document["models"][1]["latencies"][0]["speed_up"], 2);
  EXPECT_EQ(document["results"].size(), 4U);
}

TEST(ReportDocument, HasAFrontForEachCost) {
  const Json document = report_document(two_models(), "Title");
  ASSERT_EQ(document["fronts"].size(), 2U);
  EXPECT_TRUE(document["fronts"][0]["latency"].is_null());
  EXPECT_EQ(document["fronts"][0]["models"], Json::parse("[1, 0]"));
  EXPECT_EQ(document["fronts"][1]["latency"], 0);
  EXPECT_EQ(document["fronts"][1]["models"], Json::parse("[1, 0]"));
}

TEST(ReportDocument, NeedsResults) { EXPECT_THROW(report_document({}, "Title"), UsageError); }

TEST(Headline, ChoosesAccuraciesWithTheShortestLists) {
  Result retrieval = kBase;
  retrieval.task = "zeroshot_retrieval";
  retrieval.data.emplace();
  retrieval.metrics = {{"image_retrieval_recall@1", 0.5},
                       {"image_retrieval_recall@5", 0.7},
                       {"text_retrieval_recall@1", 0.6},
                       {"image_cosine_mean", 0.9},
                       {"acc5", 0.9},
                       {"acc1", 0.4}};
  std::vector<std::string> names;
  for (const MetricColumn& each : headline({retrieval}).metrics) names.push_back(each.name);
  EXPECT_THAT(names, ElementsAre("image_retrieval_recall@1", "text_retrieval_recall@1", "acc1"));
}

TEST(Headline, LatenciesOfOtherMachinesAreOnNoFront) {
  Result elsewhere = benched(kInt8, 1);
  elsewhere.environment->cpu = "CPU Y";
  const Headline top = headline(
      {with_outcomes(kBase, 1, 2), with_outcomes(kInt8, 1, 2), benched(kBase, 90), elsewhere});
  EXPECT_THAT(top.fronts[1].rows, ElementsAre(0));
}

TEST(Headline, LayersOfAModelThatWasMeasuredAddNoRow) {
  Result layers = kInt8;
  layers.task = "layers";
  layers.model.mode = "simulate";
  EXPECT_EQ(headline({with_outcomes(kInt8, 1, 2), layers}).merged.rows.size(), 1U);
  EXPECT_EQ(headline({layers}).merged.rows.size(), 1U);
}

TEST(ShortLabels, SayNoMoreThanItTakes) {
  const auto labels = [](const std::vector<Result>& results) {
    return short_labels(merge_results(results));
  };
  Result image = measured("models/image.pt", "int8-dynamic", kMib);
  image.model.component = "image";
  EXPECT_THAT(labels({kBase, kInt8, image}),
              ElementsAre("float", "int8-dynamic", "int8-dynamic (image)"));
  EXPECT_THAT(labels({kInt8, measured("models/other.pt", "int8-dynamic", kMib)}),
              ElementsAre("int8-dynamic, int8.pt", "int8-dynamic, other.pt"));
  Result simulated = kInt8;
  simulated.model.mode = "simulate";
  EXPECT_THAT(labels({kInt8, simulated}),
              ElementsAre("int8-dynamic, int8.pt, native", "int8-dynamic, int8.pt, simulate"));
}

}  // namespace
}  // namespace clipq::testing
