#include "clipq/quant/diagnosis.h"
#include "clipq/quant/place_quantizers.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/full.h>
#include <gmock/gmock.h>

#include <cmath>

#include "calibration_batches.h"
#include "clipq/quant/quantize_model.h"

namespace clipq {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using testing::random_normal;

std::vector<QuantizerSpec> specs() {
  std::vector<QuantizerSpec> specs;
  for (const FormatInfo& info : formats()) {
    for (const char* granularity : {"tensor", "channel", "group:5"}) {
      QuantizerSpec spec;
      spec.format = info.format;
      spec.bits = info.bits;
      if (info.scaled) set_granularity(spec, granularity, "test");
      spec.scale_dtype = ScaleDtype::kFloat16;
      specs.push_back(spec);
    }
  }
  return specs;
}

TEST(Diagnosis, NothingIsClippedByTheWholeRange) {
  const at::Tensor x = random_normal({40, 33}, 3);
  for (const QuantizerSpec& spec : specs()) {
    const Scales scales = scales_for(spec, range_of(x, spec));
    EXPECT_EQ(diagnose(x, quantize(x, spec, scales)).clipped, 0) << spec.describe();
  }
  QuantizerSpec twin;
  twin.scheme = Scheme::kTwin;
  const at::Tensor lopsided = x.clamp_min(-0.17);
  const auto quantizer =
      ActivationQuantizer::with_scales(twin, scales_for(twin, range_of(lopsided, twin)));
  EXPECT_EQ(diagnose(lopsided, quantizer).clipped, 0);
}

TEST(Diagnosis, CountsWhatLiesBeyondAndMeasuresTheNoise) {
  const at::Tensor x = at::cat({random_normal({99, 1}, 4), at::full({1, 1}, 100.0)});
  QuantizerSpec spec;
  const Scales scales = scales_for(spec, {x.narrow(0, 0, 99).min(), x.narrow(0, 0, 99).max()});
  const Diagnosis diagnosis = diagnose(x, ActivationQuantizer::with_scales(spec, scales));
  EXPECT_DOUBLE_EQ(diagnosis.clipped, 0.01);
  const at::Tensor noise = simulate(x, spec, scales).sub(x);
  const double expected =
      10 * std::log10(x.square().sum().item<double>() / noise.square().sum().item<double>());
  EXPECT_NEAR(diagnosis.sqnr_db, expected, 1e-4);
}

TEST(Diagnosis, OfAWeightDoesNotDependOnItsPortions) {
  const at::Tensor x = random_normal({3000, 700}, 5);  // more than a portion
  QuantizerSpec spec;
  set_granularity(spec, "group:64", "test");
  const Scales scales = scales_for(spec, range_of(x, spec));
  const at::Tensor noise = simulate(x, spec, scales).sub(x);
  const double expected = 20 * std::log10(x.norm().item<double>() / noise.norm().item<double>());
  EXPECT_NEAR(diagnose(x, quantize(x, spec, scales)).sqnr_db, expected, 1e-4);
}

TEST(Diagnosis, SaturatedRangesAndDeadChannelsAreWarnedOfByName) {
  ClipModel model = testing::tiny_clip();
  LayerNorm& norm = testing::image_tower(model).transformer.blocks[0].attention_norm;
  norm = {norm.weight.clone(), norm.bias.clone()};
  norm.weight[7] = 0;
  norm.bias[7] = 0;
  const Recipe recipe = load_recipe("int8-static", {"calibration.observer=percentile:60"});
  const Placement placement = place_quantizers(model, recipe, Component::kImage);
  const Quantization quantization =
      quantize_model(std::move(model), placement, recipe, testing::tiny_batch()).quantization;
  EXPECT_THAT(quantization.warnings,
              Contains(HasSubstr("resblocks.0.attn.in_proj: 1 of 64 input channels are dead")));
  EXPECT_THAT(quantization.warnings,
              Contains(HasSubstr("resblocks.1.mlp.c_fc.input_quantizer: its range is saturated")));
}

}  // namespace
}  // namespace clipq
