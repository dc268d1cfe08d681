#include "clipq/report/comparison_report.h"

#include <gmock/gmock.h>

#include "measured_results.h"

namespace clipq {
namespace {

using testing::benched;
using ::testing::HasSubstr;
using testing::kBase;
using testing::kInt8;
using testing::kMib;
using testing::measured;
using testing::sized;
using testing::with_outcomes;

ComparisonReport report(const std::vector<Result>& results, const Gates& gates) {
  ComparisonReport report{compare_results(results, results), {}};
  report.gates = check_gates(report.models, gates);
  return report;
}

ComparisonReport one_model() {
  Result base = with_outcomes(sized(kBase, 4 * kMib, 0), 400, 600);
  base.warnings = {"12 images were calibrated on"};
  Gates gates;
  gates.drops = {{"acc1", 0.5}, {"acc1", 5}};
  gates.speeds = {{"", 0, 3}};
  return report({base, with_outcomes(kInt8, 404, 596), benched(kBase, 90), benched(kInt8, 45)},
                gates);
}

TEST(ComparisonReport, TextHasNumbersAndGates) {
  EXPECT_EQ(comparison_text(one_model()),
            "models/int8.pt (int8-dynamic, both, native) against models/base.pt (float)\n"
            "\n"
            "metric   base    new            difference      p\n"
            "------  -----  -----  --------------------  -----\n"
            "acc1 %  60.00  59.60  -0.40 [-0.88, +0.08]  0.125\n"
            "\n"
            "Size: 1.00 MiB, 0.25x of the base's file, 4.00 MiB\n"
            "Size: 1.00 MiB, 0.25x of the parameters as float32\n"
            "Latency: image b1 45.00 ms, base 90.00 ms, speed-up 2.00x\n"
            "Warning: 12 images were calibrated on\n"
            "\n"
            "UNCERTAIN acc1 drop 0.40 points, at most 0.50: the 95 % interval reaches 0.88, the "
            "sample of 1000 items is too small to tell\n"
            "PASS acc1 drop 0.40 points, at most 5.00\n"
            "BROKEN image.1 speed-up 2.00x, at least 3.00x\n");
}

TEST(ComparisonReport, BrokenGatesAreNamedWithTheirModel) {
  EXPECT_EQ(broken_gates(one_model()),
            "gates not met: models/int8.pt: image.1 speed-up 2.00x, at least 3.00x");
  EXPECT_FALSE(one_model().passed());
  const ComparisonReport passed =
      report({with_outcomes(kBase, 4, 6), with_outcomes(kInt8, 4, 6)}, {});
  EXPECT_EQ(broken_gates(passed), "");
  EXPECT_TRUE(passed.passed());
}

TEST(ComparisonReport, JsonHasWhatTheTextHas) {
  const Json json = to_json(one_model());
  EXPECT_EQ(json.at("base").at("path"), "models/base.pt");
  const Json& comparison = json.at("comparisons").at(0);
  EXPECT_EQ(comparison.at("model").at("recipe"), "int8-dynamic");
  EXPECT_EQ(comparison.at("size_ratio").dump(), R"({"file":0.25,"float32":0.25})");
  const Json& metric = comparison.at("metrics").at(0);
  EXPECT_EQ(metric.at("task"), "zeroshot_classification");
  EXPECT_EQ(metric.at("data"), "cifar100");
  EXPECT_EQ(metric.at("metric"), "acc1");
  EXPECT_NEAR(metric.at("difference"), -0.004, 1e-12);
  EXPECT_NEAR(metric.at("interval").at(0), -0.0088, 1e-4);
  EXPECT_EQ(metric.at("p_value"), 0.125);
  EXPECT_EQ(metric.at("lost"), 4);
  EXPECT_EQ(metric.at("items"), 1000);
  EXPECT_EQ(comparison.at("latency").dump(),
            R"([{"tower":"image","batch_size":1,"base_ms":90.0,"new_ms":45.0,"speed_up":2.0}])");
  EXPECT_EQ(comparison.at("warnings").dump(), R"(["12 images were calibrated on"])");
  const Json& gate = json.at("gates").at(0);
  EXPECT_EQ(gate.at("gate"), "max-drop acc1");
  EXPECT_EQ(gate.at("model"), "models/int8.pt");
  EXPECT_EQ(gate.at("status"), "uncertain");
  EXPECT_NEAR(gate.at("got"), 0.4, 1e-9);
  EXPECT_EQ(gate.at("limit"), 0.5);
  EXPECT_NEAR(gate.at("interval_end"), 0.88, 0.01);
  EXPECT_EQ(json.at("passed"), false);
}

TEST(ComparisonReport, SeveralModelsAndDataSetsAreTold) {
  Result other_data = with_outcomes(kInt8, 1, 3);
  Result other_base = with_outcomes(kBase, 1, 3);
  for (Result* each : {&other_data, &other_base}) {
    each->data->sha256 = "ff";
    each->data->dataset = "cifar10";
  }
  Gates gates;
  gates.max_size_ratio = 0.5;
  const std::string text =
      comparison_text(report({with_outcomes(kBase, 4, 6), other_base, with_outcomes(kInt8, 4, 6),
                              other_data, with_outcomes(measured("fp8.pt", "fp8-max", kMib), 4, 6)},
                             gates));
  EXPECT_THAT(text, HasSubstr("acc1 %  cifar100  60.00  60.00  0.00 ["));
  EXPECT_THAT(text, HasSubstr("acc1 %  cifar10   75.00  75.00  0.00 ["));
  EXPECT_THAT(text,
              HasSubstr("\n\nfp8.pt (fp8-max, both, native) against models/base.pt (float)\n"));
  EXPECT_THAT(text, HasSubstr("PASS fp8.pt: size 0.25x of the base's file, at most 0.50x\n"));
}

}  // namespace
}  // namespace clipq
