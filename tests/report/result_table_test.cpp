#include "clipq/report/result_table.h"

#include <gmock/gmock.h>

#include <limits>

namespace clipq {
namespace {

using ::testing::HasSubstr;

constexpr std::int64_t kMib = 1 << 20;

Result measured(const std::string& path, const std::string& recipe, std::int64_t size_bytes) {
  Result result;
  const bool is_float = recipe.empty();
  result.model = {
      path, "", recipe, is_float ? "" : "both", size_bytes, is_float ? "float" : "native"};
  result.environment = {"0.1.0", "2.13.0", "CPU X", "AVX2", 2, "2026-01-02T03:04:05Z"};
  return result;
}

Result evaluated(Result result, double acc1, const std::string& spec = "cifar100:d") {
  result.task = "zeroshot_classification";
  result.data = DataInfo{spec, 5000, "", 18};
  result.metrics = {{"acc1", acc1}};
  return result;
}

Result benched(Result result, double image_ms) {
  result.task = "bench";
  result.latency["image"][1] = {image_ms, image_ms, image_ms, 10};
  return result;
}

const Result kBase = measured("models/base.pt", "", 4 * kMib);
const Result kInt8 = measured("models/int8.pt", "int8-dynamic", kMib);

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
  other.environment.threads = 1;
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

TEST(ResultTable, NotANumberIsShownAsSuch) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  EXPECT_THAT(result_table({evaluated(kBase, nan), evaluated(kInt8, 0.5)}), HasSubstr("n/a"));
}

}  // namespace
}  // namespace clipq
