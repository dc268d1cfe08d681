#include "clipq/quant/algorithm.h"
#include "clipq/quant/place_quantizers.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/eye.h>
#include <ATen/ops/inverse.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/outer.h>
#include <ATen/ops/zeros_like.h>
#include <gmock/gmock.h>

#include <cmath>

#include "calibration_batches.h"
#include "clipq/core/error.h"
#include "clipq/model/resnet_tower.h"
#include "clipq/quant/fold_sites.h"
#include "clipq/quant/quantize_model.h"

namespace clipq {
namespace {

using ::testing::HasSubstr;
using testing::max_difference;
using testing::random_normal;
using testing::tiny_clip;

constexpr const char* kInProj = "visual.transformer.resblocks.1.attn.in_proj";
constexpr const char* kFirst = "visual.transformer.resblocks.0.attn.in_proj";

Placement placed(const std::string& recipe, const std::vector<std::string>& overrides = {}) {
  ClipModel model = tiny_clip();
  return place_quantizers(model, load_recipe(recipe, overrides), Component::kBoth);
}

std::shared_ptr<const Algorithm> algorithm(const std::string& json) {
  return make_algorithm(parse_json(json, "test"), "test");
}

SampledRows sampled(const ClipModel& model, const Placement& placement) {
  return calibrate(model, placement, {.name = "rows", .ranges = false, .rows = 64, .batches = 1},
                   testing::tiny_batch())
      .rows;
}

/// The largest relative difference of both towers' embeddings.
double relative_difference(const ClipModel& a, const ClipModel& b) {
  const auto relative = [](const at::Tensor& x, const at::Tensor& y) {
    return max_difference(x, y) / y.abs().max().item<double>();
  };
  return std::max(
      relative(a.encode_image(testing::tiny_pixels()), b.encode_image(testing::tiny_pixels())),
      relative(a.encode_text(testing::tiny_tokens()), b.encode_text(testing::tiny_tokens())));
}

/// A twin of the model with the same outputs: at every site some channels are larger by far.
ClipModel hard_twin(ClipModel model) {
  for (const FoldSite& site : fold_sites(parts_of(model))) {
    const std::int64_t channels = site.norm->weight.size(0);
    at::Tensor scale = at::ones({channels});
    for (std::int64_t i = 3; i < channels; i += 17) scale[i] = 1.0 / static_cast<double>(7 * i);
    fold(site, scale);
  }
  return model;
}

class Transform : public ::testing::TestWithParam<std::string> {};

TEST_P(Transform, ChangesNothingInFloat) {
  const ClipModel model = tiny_clip();
  const Placement placement = placed("int8-static");
  ClipModel changed = model;
  algorithm(GetParam())->transform(changed, placement, sampled(model, placement));
  EXPECT_GT(
      max_difference(testing::image_tower(changed).transformer.blocks[1].attention_norm.weight,
                     testing::image_tower(model).transformer.blocks[1].attention_norm.weight),
      1e-3);
  EXPECT_LT(relative_difference(changed, model), 1e-5);  // float32 rounds every product anew
}

INSTANTIATE_TEST_SUITE_P(Algorithms, Transform,
                         ::testing::Values(R"({"name": "equalize"})",
                                           R"({"name": "equalize", "data_free": true})",
                                           R"({"name": "equalize", "search": true})",
                                           R"({"name": "awq"})"));

/// The largest weight of each row.
at::Tensor row_amax(const std::shared_ptr<const Linear>& layer) {
  return float_contents(*layer).weight.abs().amax(1);
}

class TransformResNet : public ::testing::TestWithParam<std::string> {};

TEST_P(TransformResNet, ChangesNothingInFloat) {
  const ClipConfig config = testing::tiny_resnet_config();
  const ClipModel model = testing::tiny_resnet_clip();
  ClipModel changed = model;
  const Placement placement =
      place_quantizers(changed, load_recipe("int8-static", {}), Component::kBoth);
  const SampledRows rows =
      calibrate(model, placement, {.name = "rows", .ranges = false, .rows = 64, .batches = 1},
                testing::tiny_batch(config))
          .rows;
  algorithm(GetParam())->transform(changed, placement, rows);
  const auto block = [](const ClipModel& clip) {
    return dynamic_cast<const ResNetTower&>(*clip.image).resnet.blocks[1];
  };
  EXPECT_GT(max_difference(row_amax(block(changed).conv1), row_amax(block(model).conv1)), 1e-3);
  EXPECT_GT(max_difference(row_amax(block(changed).conv2), row_amax(block(model).conv2)), 1e-3);
  const at::Tensor pixels = testing::tiny_pixels(*config.image);
  const at::Tensor before = model.encode_image(pixels);
  EXPECT_LT(max_difference(changed.encode_image(pixels), before),
            2e-5 * before.abs().max().item<double>());
}

INSTANTIATE_TEST_SUITE_P(Algorithms, TransformResNet,
                         ::testing::Values(R"({"name": "equalize"})",
                                           R"({"name": "equalize", "data_free": true})",
                                           R"({"name": "equalize", "search": true})",
                                           R"({"name": "awq"})",
                                           R"({"name": "cross_layer_equalization"})"));

TEST(CrossLayerEqualization, GivesRowsAndColumnsOfAChannelOneRange) {
  ClipModel model = testing::tiny_resnet_clip();
  const Placement placement =
      place_quantizers(model, load_recipe("int8-static", {}), Component::kBoth);
  algorithm(R"({"name": "cross_layer_equalization"})")->transform(model, placement, {});
  const Bottleneck& block = dynamic_cast<const ResNetTower&>(*model.image).resnet.blocks[1];
  // The last fold between two layers: later ones change neither.
  const at::Tensor columns = float_contents(*block.conv3).weight.abs().amax(0);
  EXPECT_LT(max_difference(row_amax(block.conv2).div(columns), at::ones({8})), 1e-5);
}

TEST(CrossLayerEqualization, HasNothingToDoInAVit) {
  ClipModel model = tiny_clip();
  const auto place = [&model](const std::string& algorithms) {
    Json json = load_recipe("int8-dynamic", {}).json;
    json["algorithms"] = parse_json(algorithms, "test");
    return place_quantizers(model, parse_recipe(json, "r.json"), Component::kBoth);
  };
  EXPECT_THROW(place(R"(["cross_layer_equalization"])"), UsageError);
  place(R"([{"name": "cross_layer_equalization", "optional": true}])");
}

TEST(Equalize, FollowsSmoothQuantsFormula) {
  ClipModel model = tiny_clip();
  const Placement placement = placed("int8-smooth");
  const SampledRows rows = sampled(model, placement);
  const at::Tensor before =
      testing::image_tower(model).transformer.blocks[1].mlp_norm.weight.clone();
  const at::Tensor weight =
      float_contents(*testing::image_tower(model).transformer.blocks[1].mlp_hidden).weight;
  const at::Tensor input = rows.at("visual.transformer.resblocks.1.mlp.c_fc");
  algorithm(R"({"name": "equalize", "alpha": 0.7})")->transform(model, placement, rows);
  const at::Tensor expected = input.abs().amax(0).pow(0.7).div(weight.abs().amax(0).pow(0.3));
  EXPECT_LT(
      max_difference(before.div(testing::image_tower(model).transformer.blocks[1].mlp_norm.weight)
                         .div(expected),
                     at::ones({64})),
      1e-5);
}

TEST(Equalize, DataFreeUsesTheNormsParameters) {
  ClipModel model = tiny_clip();
  const LayerNorm norm = testing::image_tower(model).transformer.blocks[0].mlp_norm;
  const at::Tensor weight =
      float_contents(*testing::image_tower(model).transformer.blocks[0].mlp_hidden).weight;
  algorithm(R"({"name": "equalize", "data_free": true})")
      ->transform(model, placed("int8-dynamic"), {});
  const at::Tensor amax = norm.bias.abs().add(norm.weight.abs(), 3);
  const at::Tensor expected = amax.pow(0.6).div(weight.abs().amax(0).pow(0.4));
  EXPECT_LT(max_difference(
                norm.weight.div(testing::image_tower(model).transformer.blocks[0].mlp_norm.weight)
                    .div(expected),
                at::ones({64})),
            1e-5);
}

TEST(Equalize, GivesQueriesAndKeysTheSameRange) {
  ClipModel model = tiny_clip();
  const Placement placement = placed("int8-static");
  const SampledRows rows = sampled(model, placement);
  algorithm(R"("equalize")")->transform(model, placement, rows);
  const at::Tensor input = sampled(model, placement).at(kInProj);
  const auto amax = [&](std::int64_t index) {
    const ProjectionPart part =
        part_of(*testing::image_tower(model).transformer.blocks[1].qkv, index);
    return at::linear(input, part.weight, part.bias).abs().amax(0);
  };
  EXPECT_LT(max_difference(amax(0).div(amax(1)), at::ones({64})), 1e-4);
}

class HardTwin : public ::testing::TestWithParam<std::string> {};

TEST_P(HardTwin, IsUndoneByEqualizing) {
  const ClipModel model = tiny_clip();
  const ClipModel twin = hard_twin(model);
  ASSERT_LT(relative_difference(twin, model), 1e-4);
  const Placement placement = placed("int8-static");
  ClipModel a = model;
  ClipModel b = twin;
  algorithm(GetParam())->transform(a, placement, sampled(a, placement));
  algorithm(GetParam())->transform(b, placement, sampled(b, placement));
  for (std::size_t i = 0; i < testing::image_tower(a).transformer.blocks.size(); ++i) {
    const auto same = [](const at::Tensor& x, const at::Tensor& y) {
      EXPECT_LT(max_difference(x, y) / y.abs().max().item<double>(), 1e-4);
    };
    same(testing::image_tower(b).transformer.blocks[i].attention_norm.weight,
         testing::image_tower(a).transformer.blocks[i].attention_norm.weight);
    same(float_contents(*testing::image_tower(b).transformer.blocks[i].qkv).weight,
         float_contents(*testing::image_tower(a).transformer.blocks[i].qkv).weight);
    same(float_contents(*testing::text_tower(b).transformer.blocks[i].attention_output).weight,
         float_contents(*testing::text_tower(a).transformer.blocks[i].attention_output).weight);
  }
}

INSTANTIATE_TEST_SUITE_P(Modes, HardTwin,
                         ::testing::Values(R"({"name": "equalize"})",
                                           R"({"name": "equalize", "data_free": true})"));

TEST(HardTwins, SpoilPlainStaticQuantizationButNotTheDefaultRecipe) {
  const ClipModel model = tiny_clip();
  // 1 - cosine to the float embeddings, which the twin shares.
  const auto loss = [&](const char* name, const ClipModel& start) {
    const Recipe recipe = load_recipe(name, {});
    ClipModel copy = start;
    const Placement placement = place_quantizers(copy, recipe, Component::kBoth);
    const ClipModel quantized =
        quantize_model(std::move(copy), placement, recipe, testing::tiny_batch()).model;
    return 1 - row_cosines(quantized.encode_image(testing::tiny_pixels()),
                           model.encode_image(testing::tiny_pixels()))
                   .min()
                   .item<double>();
  };
  const ClipModel twin = hard_twin(model);
  EXPECT_GT(loss("int8-static", twin), 100 * loss("int8-static", model));
  EXPECT_LT(loss("int8-dynamic", twin), 2 * loss("int8-dynamic", model));
  EXPECT_LT(loss("int8-smooth", twin), 2 * loss("int8-smooth", model));
}

/// A linear layer's weight on its way into the format of `overrides`.
struct Case {
  explicit Case(const std::vector<std::string>& overrides, std::int64_t in = 24,
                std::int64_t out = 10)
      : placement(placed("int8-weight-only", overrides)),
        weight(random_normal({out, in}, 5).mul(0.1)) {}

  WeightInConversion conversion(const at::Tensor& rows = {}) const {
    const PlacedQuantizer& quantizer = *find_enabled(placement, {kFirst, Role::kWeight});
    return {quantizer, weight, scales_for(quantizer.spec, range_of(weight, quantizer.spec)), rows};
  }

  Placement placement;
  at::Tensor weight;
};

at::Tensor result(const WeightInConversion& conversion) {
  return dequantize(quantize(conversion.values, conversion.quantizer.spec, conversion.scales));
}

TEST(WeightClip, FindsEachChannelsBestShare) {
  const Case test({"*.weight_quantizer.format=int4", "*.weight_quantizer.granularity=channel"});
  WeightInConversion conversion = test.conversion();
  algorithm(R"({"name": "weight_clip", "steps": 50, "smallest": 0.5})")->choose_scales(conversion);
  for (std::int64_t row = 0; row < 10; ++row) {  // by brute force, one row and one share at a time
    const at::Tensor values = test.weight[row];
    const double amax = values.abs().max().item<double>();
    double least = 1e9;
    double best = 0;
    for (int step = 0; step <= 50; ++step) {
      const double scale = static_cast<float>(amax * (1 - 0.01 * step) / 7);
      const at::Tensor rounded = values.div(scale).round().clamp(-7, 7).mul(scale);
      const double error = rounded.sub(values).square().sum().item<double>();
      if (error < least) {
        least = error;
        best = scale;
      }
    }
    EXPECT_NEAR(conversion.scales.scale[row].item<double>() / best, 1, 1e-5);
  }
}

TEST(WeightClip, NeverMakesTheErrorLarger) {
  for (const char* granularity :
       {"*.weight_quantizer.granularity=tensor", "*.weight_quantizer.granularity=group:5"}) {
    const Case test(
        {"*.weight_quantizer.format=int4", granularity, "*.weight_quantizer.scheme=affine"});
    WeightInConversion conversion = test.conversion();
    const auto error = [&] {
      return result(conversion).sub(test.weight).square().sum().item<double>();
    };
    const double before = error();
    algorithm(R"("weight_clip")")->choose_scales(conversion);
    EXPECT_LT(error(), before) << granularity;
  }
}

/// GPTQ without its tricks: the inverse Hessian is updated after each column (OBQ), in float64.
at::Tensor naive_gptq(const at::Tensor& weight, const at::Tensor& rows, const Scales& scales,
                      const QuantizerSpec& spec) {
  const std::int64_t columns = weight.size(1);
  at::Tensor values = weight.to(at::kDouble);
  const at::Tensor x = rows.to(at::kDouble);
  at::Tensor hessian = at::matmul(x.t(), x);
  hessian = hessian.add(at::eye(columns, at::kDouble), 0.01 * hessian.diag().mean().item<double>());
  at::Tensor inverse = hessian.inverse();
  const at::Tensor scale = column_scales(scales, spec, weight.sizes()).scale.to(at::kDouble);
  at::Tensor rounded = at::zeros_like(values);
  for (std::int64_t j = 0; j < columns; ++j) {
    const at::Tensor column = values.select(1, j);
    rounded.select(1, j).copy_(
        column.div(scale.select(1, j)).round().clamp(-7, 7).mul(scale.select(1, j)));
    const at::Tensor error = column.sub(rounded.select(1, j)).div(inverse[j][j]);
    values = values.sub(at::outer(error, inverse[j]));
    inverse = inverse.sub(at::outer(inverse[j], inverse[j]).div(inverse[j][j]));
  }
  return rounded.to(at::kFloat);
}

TEST(Gptq, EqualsTheNaiveAlgorithm) {
  const at::Tensor mixing = random_normal({24, 24}, 9);
  const at::Tensor rows = at::matmul(random_normal({100, 24}, 8), mixing);
  for (const char* granularity :
       {"*.weight_quantizer.granularity=channel", "*.weight_quantizer.granularity=group:6"}) {
    const Case test({"*.weight_quantizer.format=int4", granularity});
    WeightInConversion conversion = test.conversion(rows);
    const at::Tensor expected =
        naive_gptq(test.weight, rows, conversion.scales, conversion.quantizer.spec);
    algorithm(R"({"name": "gptq", "reorder": false, "block": 7})")->round_weight(conversion);
    EXPECT_LT(max_difference(result(conversion), expected), 1e-6) << granularity;
  }
}

TEST(Gptq, ColumnsInAnotherOrderAreTheSameAsAReorderedLayer) {
  const Case test({"*.weight_quantizer.format=int4", "*.weight_quantizer.granularity=channel"});
  const at::Tensor rows = random_normal({100, 24}, 8).mul(at::arange(1, 25, at::kFloat));
  WeightInConversion reordered = test.conversion(rows);
  algorithm(R"("gptq")")->round_weight(reordered);
  const at::Tensor order = rows.square().sum(0).argsort(0, true);
  WeightInConversion by_hand = test.conversion(rows.index_select(1, order));
  by_hand.values = by_hand.values.index_select(1, order);
  algorithm(R"({"name": "gptq", "reorder": false})")->round_weight(by_hand);
  EXPECT_EQ(max_difference(result(reordered).index_select(1, order), result(by_hand)), 0);
}

TEST(Gptq, UncorrelatedInputsLeavePlainRounding) {
  const Case test({"*.weight_quantizer.format=int4", "*.weight_quantizer.granularity=group:6"});
  WeightInConversion conversion = test.conversion(at::eye(24).mul(3));
  const at::Tensor plain = result(conversion);
  algorithm(R"("gptq")")->round_weight(conversion);
  EXPECT_EQ(max_difference(result(conversion), plain), 0);
}

TEST(Gptq, RaisesADampingThatIsTooWeak) {
  const at::Tensor rows = random_normal({3, 24}, 8);  // rank 3 of 24
  const Case test({"*.weight_quantizer.format=int4", "*.weight_quantizer.granularity=channel"});
  WeightInConversion conversion = test.conversion(rows);
  algorithm(R"({"name": "gptq", "damping": 1e-30})")->round_weight(conversion);
  EXPECT_TRUE(conversion.values.isfinite().all().item<bool>());
}

TEST(Gptq, LowersTheOutputsError) {
  const at::Tensor rows = at::matmul(random_normal({300, 24}, 8), random_normal({24, 24}, 9));
  const Case test({"*.weight_quantizer.format=int4", "*.weight_quantizer.granularity=channel"});
  WeightInConversion conversion = test.conversion(rows);
  const auto error = [&] {
    return at::linear(rows, result(conversion).sub(test.weight)).square().sum().item<double>();
  };
  const double before = error();
  algorithm(R"("gptq")")->round_weight(conversion);
  EXPECT_LT(error(), 0.7 * before);
}

/// A layer behind a LayerNorm, for searches by brute force among factors of its columns.
class FoldSearch : public ::testing::Test {
 protected:
  /// The layer's squared output error with its columns scaled by `scale` and quantized.
  double error_of(const at::Tensor& scale) const {
    const at::Tensor scaled = weight_.mul(scale);
    const at::Tensor rounded = simulate(scaled, spec_, scales_for(spec_, range_of(scaled, spec_)));
    const at::Tensor error = at::linear(rows_.div(scale), rounded).sub(at::linear(rows_, weight_));
    return error.square().sum(at::kDouble).item<double>();
  }

  /// The factor that an algorithm moves into the columns.
  at::Tensor moved_by(const std::string& json) const {
    ClipModel changed = model_;
    algorithm(json)->transform(changed, placement_, sampled(changed, placement_));
    return testing::image_tower(model_).transformer.blocks[1].mlp_norm.weight.div(
        testing::image_tower(changed).transformer.blocks[1].mlp_norm.weight);
  }

  ClipModel model_ = tiny_clip();
  Placement placement_ = placed("int8-weight-only", {"*.weight_quantizer.format=int4"});
  std::string name_ = "visual.transformer.resblocks.1.mlp.c_fc";
  at::Tensor rows_ = sampled(model_, placement_).at(name_);
  at::Tensor weight_ =
      float_contents(*testing::image_tower(model_).transformer.blocks[1].mlp_hidden).weight;
  QuantizerSpec spec_ = find_enabled(placement_, {name_, Role::kWeight})->spec;
};

TEST_F(FoldSearch, AwqTakesTheBestExponentOfItsGrid) {
  at::Tensor best;
  double least = 1e30;
  for (int step = 0; step <= 4; ++step) {
    const at::Tensor powers = rows_.abs().mean(0).pow(0.25 * step);
    const at::Tensor scale =
        powers.div(std::sqrt(powers.max().item<double>() * powers.min().item<double>()));
    if (error_of(scale) >= least) continue;
    least = error_of(scale);
    best = scale;
  }
  const at::Tensor chosen = moved_by(R"({"name": "awq", "steps": 4})");
  EXPECT_LT(max_difference(chosen.div(best), at::ones({64})), 1e-4);
}

TEST_F(FoldSearch, EqualizeTakesTheBestAlphaOfItsGrid) {
  const double found = error_of(moved_by(R"({"name": "equalize", "search": true})"));
  for (int step = 0; step <= 10; ++step) {
    const at::Tensor scale =
        rows_.abs().amax(0).pow(0.1 * step).div(weight_.abs().amax(0).pow(1 - 0.1 * step));
    EXPECT_LE(found, error_of(scale) * (1 + 1e-4)) << step;
  }
}

TEST(Awq, LowersTheOutputsErrorWhereInputsDiffer) {
  ClipModel model = tiny_clip();
  at::Tensor& gain = testing::image_tower(model).transformer.blocks[1].mlp_norm.weight;
  gain = gain.clone();
  for (std::int64_t i = 0; i < 64; i += 13) gain[i] = 20;
  const Placement placement = placed("int8-weight-only", {"*.weight_quantizer.format=int4"});
  const auto error = [&](const ClipModel& changed) {
    const SampledRows rows = sampled(changed, placement);
    const std::string name = "visual.transformer.resblocks.1.mlp.c_fc";
    const at::Tensor weight =
        float_contents(*testing::image_tower(changed).transformer.blocks[1].mlp_hidden).weight;
    const QuantizerSpec& spec = find_enabled(placement, {name, Role::kWeight})->spec;
    const at::Tensor rounded = simulate(weight, spec, scales_for(spec, range_of(weight, spec)));
    return at::linear(rows.at(name), rounded.sub(weight)).square().sum().item<double>();
  };
  ClipModel changed = model;
  algorithm(R"("awq")")->transform(changed, placement, sampled(model, placement));
  EXPECT_LT(error(changed), 0.5 * error(model));
  EXPECT_LT(relative_difference(changed, model), 1e-5);
}

TEST(BiasCorrection, MakesTheMeanErrorZeroOnTheSampledRows) {
  const at::Tensor weight = random_normal({10, 24}, 5).mul(0.1);
  const at::Tensor bias = random_normal({10}, 6);
  const at::Tensor rows = random_normal({200, 24}, 8).add(0.7);
  const Case test({"*.weight_quantizer.format=int4", "*.weight_quantizer.granularity=tensor"});
  const WeightInConversion conversion = test.conversion();
  const FloatLinear layer(weight, bias);
  const auto stored = std::make_shared<StoredWeight>(
      quantize(weight, conversion.quantizer.spec, conversion.scales));
  QuantizerSpec dynamic;
  dynamic.bits = 4;
  dynamic.range = RangeKind::kDynamic;
  const auto input = ActivationQuantizer::dynamic(dynamic);
  const SimulatedLinear quantized(stored, bias, input);
  const auto mean_error = [&](const at::Tensor& used) {
    const SimulatedLinear changed(stored, used, input);
    return layer.forward(rows).sub(changed.forward(rows)).mean(0).abs().max().item<double>();
  };
  BiasInConversion correction = {layer, quantized, bias, rows, {}};
  algorithm(R"("bias_correction")")->convert_bias(correction);
  EXPECT_GT(mean_error(bias), 1e-3);
  EXPECT_LT(mean_error(correction.bias), 1e-6);

  // Data-free: by hand, (W - Q(W)) E[x].
  const at::Tensor expected_input = random_normal({24}, 12);
  BiasInConversion data_free = {layer, quantized, bias, {}, expected_input};
  algorithm(R"({"name": "bias_correction", "data_free": true})")->convert_bias(data_free);
  const at::Tensor by_hand = at::matmul(weight.sub(result(conversion)), expected_input);
  EXPECT_LT(max_difference(data_free.bias.sub(bias), by_hand), 1e-6);
}

TEST(Algorithms, WrongOptionsAreUsageErrors) {
  const auto error = [](const std::string& json) {
    try {
      algorithm(json);
    } catch (const UsageError& failure) {
      return std::string(failure.what());
    }
    return std::string();
  };
  EXPECT_THAT(error(R"("gtpq")"), HasSubstr("did you mean \"gptq\""));
  EXPECT_THAT(error(R"({"name": "equalize", "alhpa": 1})"), HasSubstr("did you mean \"alpha\""));
  EXPECT_THAT(error(R"({"name": "equalize", "alpha": 1.5})"), HasSubstr("expected 0 to 1"));
  EXPECT_THAT(error(R"({"name": "equalize", "data_free": true, "search": true})"),
              HasSubstr("needs data"));
  EXPECT_THAT(error(R"({"name": "equalize", "search": true, "alpha": 0.5})"),
              HasSubstr("leave \"alpha\" out"));
  EXPECT_THAT(error(R"({"name": "weight_clip", "steps": 0})"), HasSubstr("at least 1"));
  EXPECT_THAT(error(R"({"name": "weight_clip", "steps": 2.5})"), HasSubstr("whole number"));
  EXPECT_THAT(error(R"({"name": "gptq", "damping": 0})"), HasSubstr("above 0"));
  EXPECT_THAT(error("7"), HasSubstr("expected a name or an object"));
}

}  // namespace
}  // namespace clipq
