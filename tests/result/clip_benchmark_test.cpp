#include "clipq/result/clip_benchmark.h"

#include <gmock/gmock.h>

#include <cmath>
#include <limits>

#include "clipq/core/files.h"
#include "temporary_folder.h"

namespace clipq {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr const char* kClassification =
    R"({"dataset": "wds/cifar100", "model": "ViT-B-32", "pretrained": "openai",
        "task": "zeroshot_classification",
        "metrics": {"acc1": 0.625, "acc5": NaN, "mean_per_class_recall": 0.5}, "language": "en"})";

constexpr const char* kProbe =
    R"({"dataset": "cifar10", "model": "ViT-B-32", "pretrained": "NaN \"e32", "task": "linear_probe",
        "metrics": {"lp_acc1": 0.9, "weight_decay": -Infinity, "epochs": 10, "normalized": true},
        "language": "it"})";

std::vector<Result> read(const std::string& text) {
  const testing::TemporaryFolder folder;
  write_file(folder / "cb.json", text);
  return read_results(folder / "cb.json");
}

TEST(ClipBenchmark, DocumentIsReadAsResult) {
  const std::vector<Result> results = read(kClassification);
  ASSERT_EQ(results.size(), 1U);
  const Result& result = results.front();
  EXPECT_EQ(result.task, "zeroshot_classification");
  EXPECT_EQ(result.model.path, "ViT-B-32 openai");
  EXPECT_EQ(result.data->spec, "wds/cifar100");
  EXPECT_EQ(result.data->dataset, "cifar100");
  EXPECT_EQ(result.metrics[0], std::make_pair(std::string("acc1"), 0.625));
  EXPECT_EQ(result.metrics[1].first, "acc5");
  EXPECT_TRUE(std::isnan(result.metrics[1].second));
  EXPECT_TRUE(result.settings.empty());
  EXPECT_FALSE(result.environment);
  const Json json = to_json(result);
  EXPECT_EQ(to_json(result_from_json(json, "r")), json);
}

TEST(ClipBenchmark, ListsAndSettingsAreRead) {
  const std::vector<Result> results = read(cat("[", kClassification, ",", kProbe, "]"));
  ASSERT_EQ(results.size(), 2U);
  EXPECT_EQ(results[1].model.path, "ViT-B-32 NaN \"e32");
  EXPECT_THAT(results[1].metrics, ElementsAre(std::make_pair("lp_acc1", 0.9)));
  EXPECT_EQ(results[1].settings.dump(),
            R"({"weight_decay":null,"epochs":10,"normalized":true,"language":"it"})");
}

TEST(ClipBenchmark, DamagedDocumentsNameTheirMember) {
  const auto failure = [](const std::string& text) -> std::string {
    try {
      read(text);
    } catch (const InputError& error) {
      return error.what();
    }
    return "no InputError";
  };
  EXPECT_THAT(failure(R"({"dataset": "a", "metrics": {}})"), HasSubstr("cb.json.task: missing"));
  EXPECT_THAT(failure(cat("[", kClassification, R"(, {"dataset": "a"}])")),
              HasSubstr("cb.json: [1].task: missing"));
  EXPECT_THAT(failure(R"({"dataset": "a", "metrics": {"acc1": "x"}, "task": "t", "model": "m",
                          "pretrained": "p"})"),
              HasSubstr("cb.json.metrics.acc1: expected a number, got \"x\""));
}

Result measured() {
  Result result;
  result.task = "zeroshot_classification";
  result.model.path = "out/vit-b32.int8.pt";
  result.model.recipe = "int8-dynamic";
  result.data.emplace();
  result.data->dataset = "vtab/cifar100";
  result.metrics = {{"acc1", 0.5}, {"acc5", std::numeric_limits<double>::quiet_NaN()}};
  return result;
}

TEST(ClipBenchmark, ResultIsWrittenAsItsDocument) {
  EXPECT_EQ(clip_benchmark_json(measured()).dump(),
            R"({"dataset":"vtab/cifar100","model":"vit-b32.int8","pretrained":"int8-dynamic",)"
            R"("task":"zeroshot_classification","metrics":{"acc1":0.5,"acc5":null},)"
            R"("language":"en"})");
  EXPECT_EQ(clip_benchmark_file_name(measured()),
            "vtab_cifar100_int8-dynamic_vit-b32.int8_en_zeroshot_classification.json");
  Result unquantized = measured();
  unquantized.model.recipe.clear();
  EXPECT_EQ(clip_benchmark_json(unquantized)["pretrained"], "float");
  EXPECT_EQ(read(clip_benchmark_json(measured()).dump()).front().model.path,
            "vit-b32.int8 int8-dynamic");
}

TEST(ClipBenchmark, WhatItDoesNotKnowIsRefused) {
  Result bench = measured();
  bench.metrics.clear();
  EXPECT_THROW(clip_benchmark_json(bench), UsageError);
  Result own_pictures = measured();
  own_pictures.data->dataset.clear();
  EXPECT_THROW(clip_benchmark_file_name(own_pictures), UsageError);
}

}  // namespace
}  // namespace clipq
