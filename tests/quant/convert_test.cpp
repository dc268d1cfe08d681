#include <ATen/ops/cat.h>
#include <gmock/gmock.h>

#include <algorithm>

#include "calibration_batches.h"
#include "clipq/core/error.h"
#include "clipq/quant/place_quantizers.h"
#include "clipq/quant/quantize_model.h"
#include "clipq/quant/simulated_layers.h"
#include "clipq/quant/summary.h"

namespace clipq {
namespace {

using ::testing::HasSubstr;
using testing::max_difference;
using testing::tiny_clip;

QuantizedModel quantized(const std::string& recipe_name, Component component = Component::kBoth) {
  ClipModel model = tiny_clip();
  const Recipe recipe = load_recipe(recipe_name, {});
  const Placement placement = place_quantizers(model, recipe, component);
  return quantize_model(std::move(model), placement, recipe, testing::tiny_batch());
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
  const double least = GetParam().starts_with("int4") ? 0.95 : 0.99;  // random weights
  EXPECT_GT(worst(model.encode_image(pixels), q.encode_image(pixels)), least);
  EXPECT_GT(worst(model.encode_text(tokens), q.encode_text(tokens)), least);
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

TEST(Summary, CoverageCountsByHand) {
  QuantizedModel q = quantized("dq-clip");
  const Coverage visual = coverage_of(q.model, q.quantization, Tower::kImage);
  const std::int64_t mlp = 2 * 2 * 4 * 64 * 64;
  EXPECT_EQ(visual.quantizers_on, 2 * 2 * 2);
  EXPECT_EQ(visual.quantizers, 2 * (4 * 2 + 5) + 2 * 2);
  EXPECT_EQ(visual.parameters_quantized, mlp);
  EXPECT_EQ(visual.multiply_adds_quantized, 5 * mlp);
  const std::int64_t attention = 2 * 4 * 64 * 64;
  const std::int64_t products = 2 * 2 * 5 * 5 * 64;
  EXPECT_EQ(visual.multiply_adds, 5 * (mlp + attention) + products + 4 * 3 * 64 * 64 + 64 * 32);
  EXPECT_THAT(quantizer_lines(q.quantization), HasSubstr("59 quantizers found in model"));
}

TEST(Summary, ParametersOfBothTowersAreAllOfThem) {
  QuantizedModel q = quantized("int8-dynamic");
  std::int64_t expected = -1;  // logit_scale belongs to no tower
  for (const auto& [name, tensor] : testing::random_state(testing::tiny_config())) {
    expected += tensor.numel();
  }
  EXPECT_EQ(coverage_of(q.model, q.quantization, Tower::kImage).parameters +
                coverage_of(q.model, q.quantization, Tower::kText).parameters,
            expected);
}

}  // namespace
}  // namespace clipq
