#include <ATen/ops/cat.h>
#include <gmock/gmock.h>

#include <algorithm>

#include "clipq/core/error.h"
#include "clipq/quant/quantized_model.h"
#include "clipq/quant/simulated_layers.h"
#include "clipq/quant/summary.h"
#include "tiny_clip.h"

namespace clipq {
namespace {

using ::testing::HasSubstr;
using testing::max_difference;
using testing::tiny_clip;

/// Gives the tiny images and texts once.
CalibrationStream one_batch() {
  return [done = false](CalibrationBatch& batch) mutable {
    if (done) return false;
    batch = {testing::tiny_pixels(), testing::tiny_tokens()};
    return done = true;
  };
}

QuantizedModel quantized(const std::string& recipe, Component component = Component::kBoth) {
  ClipModel model = tiny_clip();
  const Placement placement = place_quantizers(model, load_recipe(recipe, {}), component);
  const CalibratedRanges ranges = calibrate(model, placement, "max", one_batch());
  return convert(std::move(model), placement, ranges);
}

class EveryRecipe : public ::testing::TestWithParam<std::string> {};

TEST_P(EveryRecipe, StaysCloseToFloat) {
  const ClipModel model = tiny_clip();
  const ClipModel q = quantized(GetParam()).model;
  const at::Tensor pixels = testing::tiny_pixels();
  const at::Tensor tokens = testing::tiny_tokens();
  const auto worst = [](const at::Tensor& a, const at::Tensor& b) {
    return row_cosines(a, b).min().item<double>();
  };
  EXPECT_GT(worst(model.encode_image(pixels), q.encode_image(pixels)), 0.99);
  EXPECT_GT(worst(model.encode_text(tokens), q.encode_text(tokens)), 0.99);
  EXPECT_GT(max_difference(model.encode_image(pixels), q.encode_image(pixels)), 0);
}

TEST_P(EveryRecipe, LeavesTheOtherTowerUntouched) {
  const ClipModel model = tiny_clip();
  const ClipModel q = quantized(GetParam(), Component::kText).model;
  const at::Tensor pixels = testing::tiny_pixels();
  EXPECT_EQ(max_difference(model.encode_image(pixels), q.encode_image(pixels)), 0);
  EXPECT_GT(max_difference(model.encode_text(testing::tiny_tokens()),
                           q.encode_text(testing::tiny_tokens())),
            0);
}

INSTANTIATE_TEST_SUITE_P(Shipped, EveryRecipe, ::testing::ValuesIn(recipe_names()),
                         [](const auto& test) {
                           std::string name = test.param;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

TEST(Calibrate, RangesAreTheExtremesOfTheLayersInput) {
  ClipModel model = tiny_clip();
  const Placement placement = place_quantizers(model, load_recipe("fp8-max", {}), Component::kBoth);
  const CalibratedRanges ranges = calibrate(model, placement, "max", one_batch());
  const at::Tensor pixels = testing::tiny_pixels();
  at::Tensor tokens = at::zeros({3, 1, 64}).add(model.visual.class_embedding);
  tokens = at::cat({tokens, model.visual.conv1->forward(patchify(pixels, 8))}, 1);
  const at::Tensor input = model.visual.blocks[0].ln_1.forward(
      model.visual.ln_pre.forward(tokens.add(model.visual.positional_embedding)));
  const Range& range = ranges.at("visual.transformer.resblocks.0.attn.in_proj.input_quantizer");
  EXPECT_NEAR(range.max.item<float>(), input.max().item<float>(), 1e-5);
  EXPECT_NEAR(range.min.item<float>(), input.min().item<float>(), 1e-5);
}

TEST(Calibrate, TextObserversSeeNoPadding) {
  ClipModel model = tiny_clip();
  const Placement placement = place_quantizers(model, load_recipe("fp8-max", {}), Component::kText);
  const auto ranges_of = [&](const at::Tensor& tokens) {
    return calibrate(model, placement, "max",
                     [&tokens, done = false](CalibrationBatch& batch) mutable {
                       if (done) return false;
                       batch.tokens = tokens;
                       return done = true;
                     });
  };
  at::Tensor padded = testing::tiny_tokens();
  at::Tensor other = padded.clone();
  other[0][10] = 31;  // behind the end of both texts
  other[1][11] = 25;
  const CalibratedRanges first = ranges_of(padded);
  const CalibratedRanges second = ranges_of(other);
  ASSERT_FALSE(first.empty());
  for (const auto& [name, range] : first) {
    EXPECT_EQ(range.max.item<float>(), second.at(name).max.item<float>()) << name;
  }
}

TEST(Calibrate, NoSamplesForATowerIsAnError) {
  ClipModel model = tiny_clip();
  const Placement placement = place_quantizers(model, load_recipe("fp8-max", {}), Component::kBoth);
  EXPECT_THROW(calibrate(model, placement, "max", [](CalibrationBatch&) { return false; }),
               InputError);
}

TEST(Summary, CoverageCountsByHand) {
  QuantizedModel q = quantized("dq-clip");
  const Coverage visual = coverage_of(q.model, q.quantization, Tower::kVisual);
  const std::int64_t mlp = 2 * 2 * 4 * 64 * 64;
  EXPECT_EQ(visual.quantizers_on, 2 * 2 * 2);
  EXPECT_EQ(visual.quantizers, 2 * (4 * 2 + 4) + 2 * 2);
  EXPECT_EQ(visual.parameters_quantized, mlp);
  EXPECT_EQ(visual.multiply_adds_quantized, 5 * mlp);
  const std::int64_t attention = 2 * 4 * 64 * 64;
  const std::int64_t products = 2 * 2 * 5 * 5 * 64;
  EXPECT_EQ(visual.multiply_adds, 5 * (mlp + attention) + products + 4 * 3 * 64 * 64 + 64 * 32);
  EXPECT_THAT(quantizer_lines(q.quantization), HasSubstr("55 quantizers found in model"));
}

TEST(Summary, ParametersOfBothTowersAreAllOfThem) {
  QuantizedModel q = quantized("int8-dynamic");
  std::int64_t expected = -1;  // logit_scale belongs to no tower
  for (const auto& [name, tensor] : testing::random_state(testing::tiny_config())) {
    expected += tensor.numel();
  }
  EXPECT_EQ(coverage_of(q.model, q.quantization, Tower::kVisual).parameters +
                coverage_of(q.model, q.quantization, Tower::kText).parameters,
            expected);
}

}  // namespace
}  // namespace clipq
