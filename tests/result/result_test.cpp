#include "clipq/result/result.h"

#include <gmock/gmock.h>

#include <cmath>
#include <limits>

#include "clipq/core/files.h"
#include "temporary_folder.h"

namespace clipq {
namespace {

using ::testing::HasSubstr;

Result full_result() {
  Result result;
  result.task = "zeroshot_classification";
  result.model = {"m.pt",
                  "ab12",
                  "fp8-max",
                  "both",
                  3 << 19,
                  6 << 20,
                  3 << 20,
                  "native",
                  "avx2",
                  "not compared",
                  {{"text blocks", 1 << 20}, {"archive", 1 << 19}}};
  result.data = DataInfo{"cifar100:d", "cifar100", 5000, "cd34", 18, {"7", "9"}};
  result.metrics = {{"acc1", 0.625}, {"acc5", 0.875}};
  result.latency["image"] = {{32, {40.5, 41, 42, 10}}, {4, {5, 6, 7, 20}}};
  result.latency["text"] = {{1, {1, 2, 3, 30}}};
  result.outcomes["acc1"] = {"01101", {3, 0, 3, 1, 0}, {}};
  result.outcomes["image_retrieval_recall@5"] = {"01101", {}, {2, 3}};
  result.calibration = CalibrationInfo{"coco:d", 8192, 12};
  result.settings["batch_size"] = 64;
  result.details["classes"] = {{"apple", 0.5}};
  result.warnings = {"12 images were calibrated on"};
  result.environment = {"0.1.0",          "2.13.0", "CPU", "AVX2", 2, "2026-01-02T03:04:05Z",
                        "clipq eval m.pt"};
  return result;
}

/// full_result() with one member changed by a JSON patch, read back; the message of the failure.
std::string failure_after(const std::string& patch) {
  const Json json = to_json(full_result()).patch(parse_json(patch, "patch"));
  try {
    result_from_json(json, "r");
  } catch (const InputError& failure) {
    return failure.what();
  }
  return "no InputError";
}

TEST(Result, JsonIsTheDocumentedSchema) {
  const Json expected = parse_json(R"({
    "schema": "clipq.result/1", "task": "zeroshot_classification",
    "model": {"path": "m.pt", "sha256": "ab12", "recipe": "fp8-max", "component": "both",
              "size_bytes": 1572864, "size_mib": 1.5, "float32_bytes": 6291456,
              "source_bytes": 3145728, "ratio_to_float32": 0.25, "ratio_to_source": 0.5,
              "mode": "native", "kernels": "avx2", "unchecked": "not compared",
              "parts": {"text blocks": 1048576, "archive": 524288}},
    "data": {"spec": "cifar100:d", "dataset": "cifar100", "items": 5000, "sha256": "cd34",
             "templates": 18, "skipped": ["7", "9"]},
    "metrics": {"acc1": 0.625, "acc5": 0.875},
    "latency": {"image": {"4": {"min_ms": 5.0, "median_ms": 6.0, "p95_ms": 7.0, "repeats": 20},
                          "32": {"min_ms": 40.5, "median_ms": 41.0, "p95_ms": 42.0, "repeats": 10}},
                "text": {"1": {"min_ms": 1.0, "median_ms": 2.0, "p95_ms": 3.0, "repeats": 30}}},
    "calibration": {"spec": "coco:d", "samples": 8192, "overlap": 12},
    "settings": {"batch_size": 64},
    "details": {"classes": {"apple": 0.5}},
    "warnings": ["12 images were calibrated on"],
    "environment": {"clipq": "0.1.0", "libtorch": "2.13.0", "cpu": "CPU", "isa": "AVX2",
                    "threads": 2, "time": "2026-01-02T03:04:05Z",
                    "command": "clipq eval m.pt"},
    "outcomes": {"acc1": {"hits": "01101", "strata": "3 0 3 1 0"},
                 "image_retrieval_recall@5": {"hits": "01101", "clusters": "2 3"}}})",
                                   "expected");
  EXPECT_EQ(to_json(full_result()).dump(1), expected.dump(1));
}

TEST(Result, WhatDoesNotApplyIsAbsent) {
  Result result;
  result.task = "bench";
  result.model.path = "m.pt";
  const Json json = to_json(result);
  for (const char* key : {"data", "metrics", "outcomes", "latency", "calibration", "settings",
                          "details", "warnings", "environment"}) {
    EXPECT_FALSE(json.contains(key)) << key;
  }
  for (const char* key : {"sha256", "recipe", "component", "mode", "size_bytes", "size_mib",
                          "float32_bytes", "source_bytes", "ratio_to_float32"}) {
    EXPECT_FALSE(json["model"].contains(key)) << key;
  }
  EXPECT_EQ(to_json(result_from_json(json, "r")), json);
}

TEST(Result, FileRoundTrip) {
  const testing::TemporaryFolder folder;
  Result second = full_result();
  second.task = "bench";
  second.data.reset();
  const Json document = results_document({full_result(), second});
  write_file(folder / "r.json", document.dump());
  EXPECT_EQ(results_document(read_results(folder / "r.json")).dump(), document.dump());
}

TEST(Result, LayersOfFormerVersionsAreThoseOfTheImageTower) {
  Result result;
  result.task = "layers";
  result.model.path = "m.pt";
  result.details = {{"depth", {{"visual", {{"cosine", {1.0}}}}, {"text", {{"cosine", {0.5}}}}}}};
  const Result read = result_from_json(to_json(result), "r.json");
  EXPECT_EQ(read.details["depth"]["image"]["cosine"][0], 1.0);
  EXPECT_FALSE(read.details["depth"].contains("visual"));
  EXPECT_EQ(read.details["depth"]["text"], result.details["depth"]["text"]);
}

TEST(Result, NotANumberIsNull) {
  Result result = full_result();
  result.metrics = {{"acc5", std::numeric_limits<double>::quiet_NaN()}};
  const Json json = to_json(result);
  EXPECT_TRUE(json["metrics"]["acc5"].is_null());
  EXPECT_TRUE(std::isnan(result_from_json(json, "r").metrics.front().second));
}

TEST(Result, WrongFilesNameTheirMember) {
  EXPECT_THAT(failure_after(R"([{"op": "replace", "path": "/schema", "value": "clipq.result/9"}])"),
              HasSubstr("r.schema: got \"clipq.result/9\", expected \"clipq.result/1\""));
  EXPECT_EQ(failure_after(R"([{"op": "remove", "path": "/model/path"}])"), "r.model.path: missing");
  EXPECT_EQ(failure_after(R"([{"op": "replace", "path": "/data/items", "value": "5"}])"),
            "r.data.items: expected an integer below 2^63, got \"5\"");
  EXPECT_EQ(failure_after(R"([{"op": "replace", "path": "/metrics/acc1", "value": true}])"),
            "r.metrics.acc1: expected a number, got true");
  EXPECT_EQ(failure_after(R"([{"op": "replace", "path": "/environment", "value": []}])"),
            "r.environment: expected an object, got []");
  EXPECT_EQ(
      failure_after(R"([{"op": "move", "from": "/latency/text/1", "path": "/latency/text/b1"}])"),
      "r.latency.text.b1: expected a batch size as the key");
  EXPECT_EQ(failure_after(R"([{"op": "replace", "path": "/warnings/0", "value": 5}])"),
            "r.warnings[0]: expected a string, got 5");
  EXPECT_EQ(failure_after(R"([{"op": "replace", "path": "/data/skipped", "value": "7"}])"),
            "r.data.skipped: expected a list of strings, got \"7\"");
  EXPECT_EQ(failure_after(R"([{"op": "replace", "path": "/details", "value": []}])"),
            "r.details: expected an object, got []");
}

/// The failure after a member of outcomes.acc1 got that value.
std::string outcomes_failure(const std::string& key, const std::string& value) {
  return failure_after(
      cat(R"([{"op": "add", "path": "/outcomes/acc1/)", key, R"(", "value": ")", value, R"("}])"));
}

TEST(Result, DamagedOutcomesNameTheirMember) {
  EXPECT_EQ(outcomes_failure("hits", "01201"),
            "r.outcomes.acc1.hits: expected a 0 or a 1 for each item, got something else as "
            "character 3");
  EXPECT_EQ(outcomes_failure("hits", ""),
            "r.outcomes.acc1.hits: expected a 0 or a 1 for each item, got none");
  EXPECT_EQ(outcomes_failure("strata", "1 2"),
            "r.outcomes.acc1.strata: got 2 numbers, expected one for each of the 5 hits");
  for (const char* wrong : {"1 x 1 1 1", "1 -1 1 1 1", "1  1 1 1 1", "1 1 1 1 1 ", "1.5 1 1 1 1"}) {
    EXPECT_THAT(outcomes_failure("strata", wrong),
                HasSubstr("r.outcomes.acc1.strata: expected integers of at least 0"))
        << wrong;
  }
  EXPECT_EQ(
      outcomes_failure("clusters", "2 4"),
      "r.outcomes.acc1.clusters: expected lengths that sum to the 5 hits, got a different sum");
  EXPECT_THAT(outcomes_failure("clusters", "9223372036854775807 9223372036854775807 7"),
              HasSubstr("got a different sum"));
  EXPECT_THAT(outcomes_failure("clusters", "0 5"),
              HasSubstr("clusters: expected integers of at least 1"));
}

TEST(Result, OtherDocumentsAreRefused) {
  const testing::TemporaryFolder folder;
  for (const char* text : {"[]", "{}", R"({"results": {}})"}) {
    write_file(folder / "r.json", text);
    EXPECT_THROW(read_results(folder / "r.json"), InputError) << text;
  }
  write_file(folder / "r.json", R"({"results": [{}]})");
  try {
    read_results(folder / "r.json");
    FAIL();
  } catch (const InputError& failure) {
    EXPECT_THAT(failure.what(), HasSubstr("r.json: results[0].schema: missing"));
  }
}

}  // namespace
}  // namespace clipq
