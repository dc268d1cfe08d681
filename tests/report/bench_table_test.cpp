#include "clipq/report/bench_table.h"

#include <gmock/gmock.h>

namespace clipq {
namespace {

using ::testing::HasSubstr;

Result benched() {
  Result result;
  result.task = "bench";
  result.model.path = "models/int8.pt";
  result.model.size_bytes = 2 << 20;
  result.model.mode = "native";
  result.model.kernels = "avx2";
  result.latency["image"][4] = {1.0, 2.0, 3.0, 10};
  result.details["bench"] = {
      {"load",
       {{"read_seconds", 0.25},
        {"load_seconds", 0.5},
        {"resident_bytes", 3 << 20},
        {"peak_resident_bytes", 4 << 20}}},
      {"gemm_peak", {{"int8_gops", 100.0}, {"int8_kernels", "avx2"}, {"float32_gops", 50.0}}},
      {"rates",
       {{"image",
         {{"4", {{"items_per_second", 2000.0}, {"gops", 40.0}, {"share_of_peak", 0.4}}}}}}}};
  return result;
}

TEST(BenchTable, ShowsRatesLoadingAndPeaks) {
  Result result = benched();
  Json& details = result.details["bench"];
  details["load"]["start_seconds"] = 0.25;
  details["load"]["first_run_seconds"] = 0.125;
  details["memory_bandwidth"] = {{"gigabytes_per_second", 20.0}};
  details["rates"]["image"]["4"]["share_of_bandwidth"] = 0.25;
  EXPECT_EQ(
      bench_table({result}),
      "what      model    min ms  median ms  p95 ms  runs  items/s  GOP/s  of GEMM peak  "
      "of bandwidth\n"
      "--------  -------  ------  ---------  ------  ----  -------  -----  ------------  "
      "------------\n"
      "image b4  int8.pt    1.00       2.00    3.00    10   2000.0     40       40.00 %  "
      "     25.00 %\n"
      "\n"
      "model    mode    kernels  file MiB  read s  load s  first embedding s  resident MiB  "
      "of file  peak MiB\n"
      "-------  ------  -------  --------  ------  ------  -----------------  ------------  "
      "-------  --------\n"
      "int8.pt  native  avx2         2.00    0.25    0.50               0.88           3.0  "
      "  1.50x       4.0\n"
      "\n"
      "GEMM peak of this machine: INT8 100 GOP/s (avx2), float32 50 GFLOP/s; memory bandwidth "
      "20 GB/s\n");
}

TEST(BenchTable, ShowsResultsOfEarlierVersions) {
  const std::string text = bench_table({benched()});
  EXPECT_THAT(text, HasSubstr("40.00 %             -\n"));
  EXPECT_THAT(text, HasSubstr("  0.50                  -  "));
  EXPECT_THAT(text, HasSubstr("float32 50 GFLOP/s\n"));
}

TEST(BenchTable, ShowsEmbeddingFilesEndToEnd) {
  Result result = benched();
  result.details["bench"]["end_to_end"] = {
      {"data", "images:photos"},
      {"images", 9},
      {"by_batch_size",
       {{"4",
         {{"images_per_second", 90.0},
          {"possible_images_per_second", 100.0},
          {"stages",
           {{"decode", {{"core_ms_per_image", 4.0}, {"share", 0.2}}},
            {"resize", {{"core_ms_per_image", 1.0}, {"share", 0.05}}},
            {"forward", {{"core_ms_per_image", 15.0}, {"share", 0.75}}}}}}}}}};
  // One that wasn't timed end to end has no row.
  EXPECT_THAT(bench_table({result, benched()}),
              HasSubstr("9 images of images:photos:\n"
                        "end to end  model    images/s  of possible  decode core ms  resize core ms"
                        "  forward core ms\n"
                        "----------  -------  --------  -----------  --------------  --------------"
                        "  ---------------\n"
                        "b4          int8.pt      90.0      90.00 %  4.00 (20.00 %)   1.00 (5.00 %)"
                        "  15.00 (75.00 %)\n"));
}

TEST(BenchTable, ShowsTheSlowestLayersFirst) {
  Result result = benched();
  result.details["bench"]["profile_ms"]["image"]["4"] = {{"fast", 1.0}, {"slow", 3.0}};
  EXPECT_THAT(bench_table({result}), HasSubstr("int8.pt, image b4, 4.00 ms; slowest layers:\n"
                                               "layer     ms    share\n"
                                               "-----  -----  -------\n"
                                               "slow   3.000  75.00 %\n"
                                               "fast   1.000  25.00 %\n"));
}

TEST(BenchTable, IsEmptyWithoutBenchResults) { EXPECT_EQ(bench_table({Result()}), ""); }

}  // namespace
}  // namespace clipq
