#include "clipq/quant/calibrate.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <gmock/gmock.h>

#include <set>

#include "calibration_batches.h"
#include "clipq/core/error.h"
#include "clipq/core/files.h"
#include "clipq/model/patches.h"
#include "clipq/quant/gathered_statistics.h"
#include "clipq/quant/place_quantizers.h"
#include "clipq/quant/quantize_model.h"
#include "clipq/quant/row_sample.h"
#include "clipq/quant/state_file.h"
#include "temporary_folder.h"

namespace clipq {
namespace {

using testing::batches_of;
using ::testing::HasSubstr;
using testing::tiny_clip;

Placement calibrated_placement(const std::string& recipe, Component component = Component::kBoth,
                               const std::vector<std::string>& overrides = {}) {
  ClipModel model = tiny_clip();
  return place_quantizers(model, load_recipe(recipe, overrides), component);
}

CalibrationRequest everything(std::int64_t batches) {
  return {.name = "test", .ranges = true, .rows = 10, .attention_inputs = true, .batches = batches};
}

/// Five batches of different images, and texts in the first two.
std::vector<CalibrationBatch> five_batches() {
  std::vector<CalibrationBatch> batches;
  for (std::uint64_t i = 0; i < 5; ++i) {
    batches.push_back({testing::tiny_pixels(3, 20 + i).mul(1.0 + static_cast<double>(i)),
                       i < 2 ? testing::tiny_tokens() : at::Tensor()});
  }
  return batches;
}

void expect_same(const CalibrationData& a, const CalibrationData& b) {
  ASSERT_EQ(a.ranges.size(), b.ranges.size());
  for (const auto& [id, range] : a.ranges) {
    EXPECT_TRUE(range.min.equal(b.ranges.at(id).min)) << id.name();
    EXPECT_TRUE(range.max.equal(b.ranges.at(id).max)) << id.name();
  }
  ASSERT_EQ(a.rows.size(), b.rows.size());
  for (const auto& [name, rows] : a.rows) EXPECT_TRUE(rows.equal(b.rows.at(name))) << name;
  ASSERT_EQ(a.attention_inputs.size(), b.attention_inputs.size());
  for (const auto& [name, qkv] : a.attention_inputs) {
    EXPECT_TRUE(qkv.equal(b.attention_inputs.at(name))) << name;
  }
}

TEST(Calibrate, RangesAreTheExtremesOfTheLayersInput) {
  ClipModel model = tiny_clip();
  const CalibrationData data =
      calibrate(model, calibrated_placement("fp8-max"), everything(1), testing::tiny_batch());
  const at::Tensor pixels = testing::tiny_pixels();
  const VitTower& tower = testing::image_tower(model);
  at::Tensor tokens = at::zeros({3, 1, 64}).add(tower.class_token);
  tokens = at::cat({tokens, tower.patches->forward(patchify(pixels, 8))}, 1);
  const at::Tensor input = testing::image_tower(model).transformer.blocks[0].attention_norm.forward(
      tower.first_norm.forward(tokens.add(tower.positions)));
  const Range& range =
      data.ranges.at({"visual.transformer.resblocks.0.attn.in_proj", Role::kInput});
  EXPECT_NEAR(range.max.item<float>(), input.max().item<float>(), 1e-5);
  EXPECT_NEAR(range.min.item<float>(), input.min().item<float>(), 1e-5);
}

TEST(Calibrate, SoftmaxIsObservedAsProbabilities) {
  const CalibrationData data = calibrate(tiny_clip(), calibrated_placement("int8-static"),
                                         everything(1), testing::tiny_batch());
  const Range& range = data.ranges.at({"transformer.resblocks.0.attn", Role::kSoftmax});
  EXPECT_EQ(range.min.item<float>(), 0);  // hidden behind the causal mask
  EXPECT_EQ(range.max.item<float>(), 1);  // the first token sees only itself
}

TEST(Calibrate, TextObserversSeeNoPadding) {
  const Placement placement = calibrated_placement("fp8-max", Component::kText);
  const auto ranges_of = [&](const at::Tensor& tokens) {
    return calibrate(tiny_clip(), placement, everything(1), batches_of({{{}, tokens}})).ranges;
  };
  const at::Tensor padded = testing::tiny_tokens();
  at::Tensor other = padded.clone();
  other[0][10] = 31;  // behind the end of both texts
  other[1][11] = 25;
  const CalibratedRanges first = ranges_of(padded);
  const CalibratedRanges second = ranges_of(other);
  ASSERT_FALSE(first.empty());
  for (const auto& [id, range] : first) {
    EXPECT_EQ(range.max.item<float>(), second.at(id).max.item<float>()) << id.name();
  }
}

TEST(Calibrate, NoSamplesForATowerIsAnError) {
  EXPECT_THROW(
      calibrate(tiny_clip(), calibrated_placement("fp8-max"), everything(0), batches_of({})),
      InputError);
}

class ResumedCalibration : public ::testing::TestWithParam<std::string> {};

TEST_P(ResumedCalibration, EqualsAnUndisturbedOneBitForBit) {
  testing::TemporaryFolder folder;
  const Placement placement =
      calibrated_placement("int8-static", Component::kBoth, {"calibration.observer=" + GetParam()});
  const std::vector<CalibrationBatch> batches = five_batches();
  const CalibrationData whole =
      calibrate(tiny_clip(), placement, everything(5), batches_of(batches));
  const CalibrationState state = {folder / "state", "same", 0, true};
  CalibrationSource killed = batches_of(batches);
  killed.open = [open = killed.open](std::int64_t first, std::int64_t last) -> CalibrationStream {
    return [stream = open(first, last), left = 3](CalibrationBatch& batch) mutable {
      if (left-- == 0) throw Interrupted();
      return stream(batch);
    };
  };
  EXPECT_THROW(calibrate(tiny_clip(), placement, everything(5), killed, state), Interrupted);
  CalibrationSource rest = batches_of(batches);
  std::int64_t resumed_at = -1;
  rest.open = [open = rest.open, &resumed_at](std::int64_t first, std::int64_t last) {
    resumed_at = first;
    return open(first, last);
  };
  const CalibrationData continued = calibrate(tiny_clip(), placement, everything(5), rest, state);
  EXPECT_EQ(resumed_at, 3);
  expect_same(whole, continued);
}

INSTANTIATE_TEST_SUITE_P(Observers, ResumedCalibration,
                         ::testing::Values("max", "moving-average:0.5", "percentile:99", "entropy",
                                           "mse"),
                         [](const auto& test) {
                           return test.param.substr(0, test.param.find_first_of("-:"));
                         });

class SharedCalibration : public ::testing::TestWithParam<std::string> {};

TEST_P(SharedCalibration, EqualsOneWorkersBitForBit) {
  const Placement placement =
      calibrated_placement("int8-static", Component::kBoth, {"calibration.observer=" + GetParam()});
  const CalibrationRequest request = everything(5);
  const CalibrationSource source = batches_of(five_batches());
  const CalibrationData whole = calibrate(tiny_clip(), placement, request, source);
  for (const std::int64_t workers : {1, 2, 3, 7}) {
    std::vector<ObserverState> parts;
    for (std::int64_t i = 0; i < workers; ++i) {
      parts.push_back(gather_statistics(tiny_clip(), placement, request, source,
                                        share_of(request.batches, i, workers)));
    }
    expect_same(whole, data_of(parts, placement, request));
  }
}

INSTANTIATE_TEST_SUITE_P(Observers, SharedCalibration,
                         ::testing::Values("max", "percentile:99", "entropy", "mse"),
                         [](const auto& test) {
                           return test.param.substr(0, test.param.find(':'));
                         });

TEST(SharedCalibration, AnObserverThatDependsOnTheOrderIsRefused) {
  const Placement placement = calibrated_placement("int8-static", Component::kBoth,
                                                   {"calibration.observer=moving-average"});
  EXPECT_THROW(
      gather_statistics(tiny_clip(), placement, everything(5), batches_of(five_batches()), {0, 2}),
      UsageError);
}

TEST(SharedCalibration, EveryBatchIsOneWorkers) {
  for (const std::int64_t workers : {1, 2, 3, 7, 64}) {
    std::int64_t next = 0;
    for (std::int64_t i = 0; i < workers; ++i) {
      const BatchRange share = share_of(50, i, workers);
      EXPECT_EQ(share.first, next);
      EXPECT_LE(share.last - share.first, 50 / workers + 1);
      next = share.last;
    }
    EXPECT_EQ(next, 50);
  }
}

/// Writes statistics of these batches, of 10; gives the file.
std::filesystem::path write_part(const std::filesystem::path& file, const BatchRange& batches,
                                 const std::string& recipe = "a") {
  write_calibration(file, {.fingerprint = Json({{"recipe", recipe}, {"clipq", "1"}}).dump(),
                           .pass = "ranges",
                           .batches = batches,
                           .pass_batches = 10,
                           .state = {}});
  return file;
}

TEST(GatheredStatistics, WantEveryBatchOnceOfOneCalibration) {
  testing::TemporaryFolder folder;
  const auto message = [](const std::vector<std::filesystem::path>& files) -> std::string {
    try {
      GatheredStatistics::read(files);
    } catch (const InputError& failure) {
      return failure.what();
    }
    return "";
  };
  const auto low = write_part(folder / "low", {0, 4});
  const auto high = write_part(folder / "high", {4, 10});
  const auto none = write_part(folder / "none", {4, 4});
  EXPECT_EQ(message({high, none, low}), "");
  EXPECT_EQ(
      GatheredStatistics::read({high, none, low}).of({.name = "ranges", .batches = 10}).size(), 3U);
  EXPECT_THAT(message({low}), HasSubstr("batch 4 of 10, counted from 0, is in none of the files"));
  EXPECT_THAT(message({high}), HasSubstr("batch 0 of 10, counted from 0, is in none of the files"));
  EXPECT_THAT(message({low, high, low}), HasSubstr("overlap"));
  EXPECT_THAT(message({low, write_part(folder / "other", {4, 10}, "b")}),
              HasSubstr("they differ in recipe"));
  write_file(folder / "low", read_file(low).substr(0, 50));
  EXPECT_THAT(message({low, high}), HasSubstr("damaged"));
  const GatheredStatistics empty = GatheredStatistics::read({});
  EXPECT_TRUE(empty.empty());
  EXPECT_THROW(empty.of({.name = "ranges", .batches = 10}), UsageError);
}

TEST(CalibrationState, OfAnotherCalibrationOrDamagedIsAnInputError) {
  testing::TemporaryFolder folder;
  const Placement placement = calibrated_placement("fp8-max");
  CalibrationState state = {folder / "state", "one", 0, true};
  calibrate(tiny_clip(), placement, everything(1), testing::tiny_batch(), state);
  state.fingerprint = "two";
  EXPECT_THROW(calibrate(tiny_clip(), placement, everything(1), testing::tiny_batch(), state),
               InputError);
  state.fingerprint = "one";
  const std::string bytes = read_file(folder / "state.test");
  write_file(folder / "state.test", bytes.substr(0, bytes.size() / 2));
  EXPECT_THROW(calibrate(tiny_clip(), placement, everything(1), testing::tiny_batch(), state),
               InputError);
  for (std::size_t at = 0; at < bytes.size(); at += bytes.size() / 97) {
    std::string flipped = bytes;
    flipped[at] ^= 4;
    write_file(folder / "state.test", flipped);
    try {
      calibrate(tiny_clip(), placement, everything(1), testing::tiny_batch(), state);
      ADD_FAILURE() << "byte " << at;
    } catch (const InputError& failure) {
      EXPECT_THAT(failure.what(), HasSubstr("remove it, or start over without resuming"));
    }
  }
}

/// A tiny CLIP whose first block overflows in c_fc.
ClipModel overflowing_clip() {
  StateDict state = testing::random_state(testing::tiny_config());
  state["visual.transformer.resblocks.1.mlp.c_fc.weight"].fill_(3e38);
  return build_model(testing::tiny_config(), {.size = 16}, state, "overflowing");
}

TEST(Calibrate, NamesTheLayerThatGivesNoNumbers) {
  try {
    calibrate(overflowing_clip(), calibrated_placement("fp8-max"), everything(1),
              testing::tiny_batch());
    FAIL();
  } catch (const InputError& failure) {
    EXPECT_THAT(failure.what(), HasSubstr("arises in visual.transformer.resblocks.1.mlp.c_fc:"));
  }
}

TEST(RowSample, KeepsEveryRowWhileThereIsRoomAndDifferentOnesAfterwards) {
  RowSample sample(8);
  sample.add(at::arange(10, at::kFloat).reshape({5, 2}));
  EXPECT_TRUE(sample.rows().equal(at::arange(10, at::kFloat).reshape({5, 2})));
  for (int i = 1; i < 40; ++i) {
    sample.add(at::arange(10, at::kFloat).add(10 * i).reshape({1, 5, 2}));
  }
  std::set<float> firsts;
  for (int i = 0; i < 8; ++i) firsts.insert(sample.rows()[i][0].item<float>());
  EXPECT_EQ(firsts.size(), 8);
  EXPECT_GT(*firsts.rbegin(), 200);  // 200 rows of even numbers: not only early ones
}

TEST(RowSample, IsUniform) {
  std::vector<int> hits(4);
  RowSample sample(2000);
  sample.add(at::arange(8000, at::kFloat).reshape({8000, 1}));
  for (int i = 0; i < 2000; ++i) ++hits[static_cast<int>(sample.rows()[i].item<float>()) / 2000];
  // Each quarter is hypergeometric with mean 500 and deviation 17: five deviations.
  for (const int count : hits) EXPECT_NEAR(count, 500, 85);
}

}  // namespace
}  // namespace clipq
