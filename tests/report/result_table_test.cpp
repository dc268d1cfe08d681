#include "clipq/report/result_table.h"

#include <gmock/gmock.h>

#include <limits>

#include "measured_results.h"

namespace clipq {
namespace {

using testing::benched;
using ::testing::EndsWith;
using testing::evaluated;
using ::testing::HasSubstr;
using testing::kBase;
using testing::kInt8;
using testing::kMib;
using testing::measured;
using ::testing::Not;
using testing::sized;

TEST(ResultTable, EvalAndBenchOfAModelAreOneRowAgainstTheFirst) {
  EXPECT_EQ(result_table({evaluated(kBase, 0.625), evaluated(kInt8, 0.6205), benched(kBase, 90),
                          benched(kInt8, 45)}),
            "model    recipe        component   MiB  ratio  acc1 %  points  image b1 ms  speed-up\n"
            "-------  ------------  ---------  ----  -----  ------  ------  -----------  --------\n"
            "base.pt  -             -          4.00          62.50                90.00\n"
            "int8.pt  int8-dynamic  both       1.00  0.25x   62.05   -0.45        45.00     2.00x\n"
            "\n"
            "Data: cifar100:d, 5000 items, 18 templates\n"
            "Environment: CPU X, AVX2, 2 threads\n"
            "Mode: float (base.pt), native (int8.pt)\n");
}

TEST(ResultTable, OneModelIsComparedWithNothing) {
  EXPECT_EQ(result_table({benched(kBase, 90)}),
            "model    recipe  component   MiB  image b1 ms\n"
            "-------  ------  ---------  ----  -----------\n"
            "base.pt  -       -          4.00        90.00\n"
            "\n"
            "Environment: CPU X, AVX2, 2 threads\n"
            "Mode: float\n");
  EXPECT_EQ(result_table({}), "");
}

TEST(ResultTable, DataSetsAreNumberedAndGapsMarked) {
  EXPECT_EQ(
      result_table({evaluated(kBase, 0.5, "a:x"), evaluated(kInt8, 0.75, "b:y")}),
      "model    recipe        component   MiB  ratio  [1] acc1 %  points  [2] acc1 %  points\n"
      "-------  ------------  ---------  ----  -----  ----------  ------  ----------  ------\n"
      "base.pt  -             -          4.00              50.00                   -\n"
      "int8.pt  int8-dynamic  both       1.00  0.25x           -       -       75.00       -\n"
      "\n"
      "Data: [1] a:x, 5000 items, 18 templates\n"
      "Data: [2] b:y, 5000 items, 18 templates\n"
      "Environment: CPU X, AVX2, 2 threads\n"
      "Mode: float (base.pt), native (int8.pt)\n");
}

TEST(ResultTable, ModesOfOneModelAreTwoRows) {
  Result simulated = evaluated(kInt8, 0.5);
  simulated.model.mode = "simulate";
  const std::string text = result_table({evaluated(kInt8, 0.5), simulated});
  EXPECT_THAT(text, HasSubstr("int8.pt  int8-dynamic  both       native    1.00"));
  EXPECT_THAT(text,
              HasSubstr("int8.pt  int8-dynamic  both       simulate  1.00  1.00x   50.00    0.00"));
}

TEST(ResultTable, NoSpeedUpBetweenMachines) {
  Result other = benched(kInt8, 45);
  other.environment->threads = 1;
  const std::string text = result_table({benched(kBase, 90), other});
  EXPECT_THAT(text, HasSubstr("45.00         -\n"));
  EXPECT_THAT(text, HasSubstr("Environment: CPU X, AVX2, 1 thread\n"));
}

TEST(ResultTable, EqualFileNamesAreShownWithTheirPaths) {
  const std::string text =
      result_table({benched(kBase, 1), benched(measured("b/base.pt", "r", 1), 1)});
  EXPECT_THAT(text, HasSubstr("models/base.pt  "));
  EXPECT_THAT(text, HasSubstr("b/base.pt  "));
}

TEST(ResultTable, SizesAreComparedWithFloat32AndWithTheFile) {
  const std::int64_t float32 = 5 * kMib;
  EXPECT_THAT(result_table({sized(kBase, float32, 4 * kMib), sized(kInt8, float32, 4 * kMib)}),
              HasSubstr("  MiB  of float32  of file\n"
                        "-------  ------------  ---------  ----  ----------  -------\n"
                        "base.pt  -             -          4.00       0.80x    1.00x\n"
                        "int8.pt  int8-dynamic  both       1.00       0.20x    0.25x\n"));
}

TEST(ResultTable, EqualOrUnknownSizeRatiosAreShownOnce) {
  const std::string equal =
      result_table({sized(kBase, 4 * kMib, 4 * kMib), sized(kInt8, 4 * kMib, 4 * kMib)});
  EXPECT_THAT(equal, HasSubstr("of float32\n"));
  const std::string half_known = result_table({kBase, sized(kInt8, 4 * kMib, 0)});
  EXPECT_THAT(half_known, HasSubstr("4.00           -\n"));
  EXPECT_THAT(half_known, HasSubstr("1.00       0.25x\n"));
  EXPECT_THAT(result_table({sized(kInt8, 0, 4 * kMib)}), HasSubstr(" MiB  of file\n"));
}

TEST(ResultTable, PointsHaveAnIntervalWhereOutcomesAreThere) {
  Result base = evaluated(kBase, 0.5);
  Result now = evaluated(kInt8, 0.48);
  base.outcomes["acc1"] = {std::string(25, '0') + std::string(25, '1'), {}, {}};
  EXPECT_THAT(result_table({base, now}), HasSubstr(" -2.00\n"));
  now.outcomes["acc1"] = {std::string(26, '0') + std::string(24, '1'), {}, {}};
  // Bonett and Price by hand: (0 - 1) / 52 +- 1.96 sqrt((3 / 52 - 1 / 52^2) / 52)
  EXPECT_THAT(result_table({base, now}), HasSubstr(" -2.00 [-8.43, +4.58]\n"));
  now.data->skipped = {"a.jpg"};
  EXPECT_THAT(result_table({base, now}), Not(HasSubstr("[-8.43")));
}

TEST(ResultTable, SkippedItemsAndWarningsStandBelow) {
  Result base = evaluated(kBase, 0.5);
  Result now = evaluated(kInt8, 0.5);
  base.data->skipped = now.data->skipped = {"a.jpg", "b.jpg", "c.jpg", "d.jpg"};
  base.data->dataset = "cifar100";
  base.warnings = {"one", "two"};
  now.warnings = {"two"};
  EXPECT_THAT(result_table({base, now}),
              EndsWith("\n\nData: cifar100:d, 5000 items, 18 templates\n"
                       "Skipped: 4 items that could not be decoded: a.jpg, b.jpg, c.jpg, …\n"
                       "Environment: CPU X, AVX2, 2 threads\n"
                       "Mode: float (base.pt), native (int8.pt)\n"
                       "Warning: one\n"
                       "Warning: two\n"));
}

TEST(ResultTable, WhatOtherProgramsDoNotSayIsLeftOut) {
  Result other;
  other.model.path = "ViT-B-32 openai";
  other.data.emplace().spec = "wds/cifar100";
  other.metrics = {{"acc1", 0.5}};
  EXPECT_EQ(result_table({other}),
            "model            recipe  component  MiB  acc1 %\n"
            "---------------  ------  ---------  ---  ------\n"
            "ViT-B-32 openai  -       -            -   50.00\n"
            "\n"
            "Data: wds/cifar100\n"
            "Mode: -\n");
}

TEST(ResultTable, NotANumberIsShownAsSuch) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  EXPECT_THAT(result_table({evaluated(kBase, nan), evaluated(kInt8, 0.5)}), HasSubstr("n/a"));
}

}  // namespace
}  // namespace clipq
