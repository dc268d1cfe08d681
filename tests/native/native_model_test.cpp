#include "clipq/native/native_model.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/randint.h>
#include <gmock/gmock.h>

#include "calibration_batches.h"
#include "clipq/model/resnet_tower.h"
#include "clipq/model/transformer.h"
#include "clipq/native/native_convolution.h"
#include "clipq/native/native_linear.h"
#include "clipq/quant/place_quantizers.h"
#include "clipq/quant/quantize_model.h"
#include "paths_by_name.h"
#include "tiny_clip.h"

namespace clipq {
namespace {

using ::testing::HasSubstr;
using testing::identifier;
using testing::named;
using testing::names_of;
using testing::random_normal;

/// Larger than tiny_config(): several heads, odd widths, chunks of more than one item.
ClipConfig odd_config() {
  ClipConfig config = testing::tiny_config();
  config.image->resolution = 40;
  config.image->width = 72;
  config.image->mlp_width = 288;
  config.image->settings.heads = 3;
  config.image->layers = 3;
  config.text->width = 40;
  config.text->mlp_width = 160;
  config.text->settings.heads = 2;
  config.text->context_length = 30;
  return config;
}

/// The same with SigLIP's towers.
ClipConfig odd_siglip_config() {
  ClipConfig config = odd_config();
  const ClipConfig siglip = testing::tiny_siglip_config();
  config.image->pooling = siglip.image->pooling;
  config.image->embed_dim = config.image->width;
  config.text->embed_dim = config.image->width;
  config.text->pooling = siglip.text->pooling;
  config.text->causal = siglip.text->causal;
  config.text->projection_bias = siglip.text->projection_bias;
  return config;
}

/// A ResNet whose channels fill neither vectors nor quads, and whose last map has nine positions.
ClipConfig odd_resnet_config() {
  ClipConfig config = testing::tiny_resnet_config();
  config.image->stages = {6, {1, 2, 1, 2}};
  config.image->layers = 6;
  config.image->width = ResNetStages::kWidening * config.image->stages.width;
  config.image->resolution = 3 * ResNetStages::kShrinking;
  return config;
}

at::Tensor pixels_for(const ClipConfig& config, std::int64_t count) {
  return random_normal({count, 3, config.image->resolution, config.image->resolution}, 5);
}

/// Texts of many lengths.
at::Tensor texts_for(const ClipConfig& config, std::int64_t count) {
  const at::Tensor tokens = random_normal({count, config.text->context_length}, 6)
                                .abs()
                                .mul(1e3)
                                .floor()
                                .remainder(static_cast<double>(config.text->vocab_size - 2))
                                .to(at::kLong);
  for (std::int64_t i = 0; i < count; ++i) {
    tokens[i][(7 * i + 3) % config.text->context_length] = config.text->vocab_size - 1;
  }
  return tokens;
}

ClipModel quantized(const ClipConfig& config, const std::string& recipe_name) {
  ClipModel model = testing::random_clip(config);
  const Recipe recipe = load_recipe(recipe_name, {});
  const Placement placement = place_quantizers(model, recipe, Component::kBoth);
  const auto data = testing::batches_of({{pixels_for(config, 3), texts_for(config, 3)}});
  return quantize_model(std::move(model), placement, recipe, data).model;
}

/// A code on the edge may flip with the order of sums, and each flip moves what later layers round:
/// simulate's own embeddings of a deep model move as far when pixels change by 1e-7. In most items
/// of one block none flips. FP8's codes are further apart than INT8's.
void expect_same(const ClipModel& native, const ClipModel& simulated, std::int64_t batch,
                 bool is_fp8 = false) {
  const ClipConfig config = simulated.config();
  const auto expect_near = [&](const at::Tensor& ours, const at::Tensor& reference) {
    const at::Tensor cosines = row_cosines(ours, reference);
    EXPECT_GT(cosines.min().item<double>(), is_fp8 ? 0.99 : 0.999);
    if (config.image->layers > 1 || batch < 10) return;
    EXPECT_GT(cosines.median().item<double>(), 0.999999);
  };
  const at::Tensor pixels = pixels_for(config, batch);
  const at::Tensor tokens = texts_for(config, batch);
  expect_near(native.encode_image(pixels), simulated.encode_image(pixels));
  expect_near(native.encode_text(tokens), simulated.encode_text(tokens));
}

NativeOptions in_float32() { return {.attention = &float32_attention_path()}; }

class NativeEveryRecipe : public ::testing::TestWithParam<std::string> {};

TEST_P(NativeEveryRecipe, NativeEmbedsAsSimulateDoes) {
  ClipConfig one_block = odd_config();
  one_block.image->layers = 1;
  one_block.text->layers = 1;
  ClipConfig one_siglip_block = odd_siglip_config();
  one_siglip_block.image->layers = 1;
  one_siglip_block.text->layers = 1;
  for (const ClipConfig& config :
       {testing::tiny_config(), odd_config(), one_block, odd_siglip_config(), one_siglip_block,
        testing::tiny_resnet_config(), odd_resnet_config()}) {
    const ClipModel simulated = quantized(config, GetParam());
    const NativeModel native = make_native(simulated, in_float32());
    for (const std::int64_t batch : {1, 5, 64}) {
      expect_same(native.model, simulated, batch, GetParam() == "fp8-max");
    }
  }
}

INSTANTIATE_TEST_SUITE_P(NativeModel, NativeEveryRecipe, ::testing::ValuesIn(recipe_names()),
                         [](const auto& test) { return identifier(test.param); });

TEST(NativeModel, Int8RecipesPutEveryLinearOnIntegerKernels) {
  for (const ClipConfig& config : {odd_config(), odd_siglip_config(), odd_resnet_config()})
    for (const char* recipe : {"int8-dynamic", "int8-static", "int8-smooth"}) {
      NativeModel native = make_native(quantized(config, recipe), in_float32());
      const ModelParts parts = parts_of(native.model);
      for (const LinearPart& part : parts.linears) {
        EXPECT_TRUE(dynamic_cast<const NativeLinear*>(part.layer->get()) != nullptr ||
                    dynamic_cast<const NativeConvolution*>(part.layer->get()) != nullptr)
            << recipe << " " << part.name;
      }
      for (const ResNetPart& part : parts.resnets) EXPECT_NE(part.network->runner, nullptr);
      for (const TransformerPart& part : parts.transformers) {
        EXPECT_NE(part.transformer->runner, nullptr) << recipe << " " << part.name;
      }
    }
}

class EveryPath : public ::testing::TestWithParam<std::string> {};

TEST_P(EveryPath, GivesTheSameEmbeddings) {
  const IntegerPath& path = named(integer_paths(), GetParam());
  if (!path.supported()) GTEST_SKIP() << "this processor lacks " << path.name;
  const ClipModel simulated = quantized(odd_config(), "int8-dynamic");
  const NativeModel native =
      make_native(simulated, {.path = &path, .attention = &float32_attention_path()});
  EXPECT_THAT(native.describe(), HasSubstr(path.name));
  expect_same(native.model, simulated, 9);
  const ClipModel resnet = quantized(odd_resnet_config(), "int8-smooth");
  expect_same(make_native(resnet, {.path = &path}).model, resnet, 5);
}

INSTANTIATE_TEST_SUITE_P(Paths, EveryPath, ::testing::ValuesIn(names_of(integer_paths())),
                         [](const auto& test) { return identifier(test.param); });

class EveryFloatPath : public ::testing::TestWithParam<std::string> {};

TEST_P(EveryFloatPath, GivesTheSameEmbeddings) {
  const FloatPath& path = named(float_paths(), GetParam());
  if (!path.supported()) GTEST_SKIP() << "this processor lacks " << path.name;
  const ClipModel simulated = quantized(odd_config(), "fp8-max");
  const NativeModel native =
      make_native(simulated, {.attention = &float32_attention_path(), .floats = &path});
  EXPECT_EQ(native.describe(), path.name);
  for (const std::int64_t batch : {1, 9}) expect_same(native.model, simulated, batch, true);
}

INSTANTIATE_TEST_SUITE_P(Paths, EveryFloatPath, ::testing::ValuesIn(names_of(float_paths())),
                         [](const auto& test) { return identifier(test.param); });

class EveryAttention : public ::testing::TestWithParam<std::string> {};

TEST_P(EveryAttention, StaysNearAndIsNamed) {
  const AttentionPath& path = named(attention_paths(), GetParam());
  if (!path.supported()) GTEST_SKIP() << "this processor lacks " << path.name;
  const ClipModel simulated = quantized(odd_config(), "int8-smooth");
  const at::Tensor pixels = pixels_for(odd_config(), 9);
  const at::Tensor tokens = texts_for(odd_config(), 9);
  const NativeModel native = make_native(simulated, {.attention = &path});
  const bool is_float = &path == &float32_attention_path();
  EXPECT_EQ(native.describe().find(path.name) == std::string::npos, is_float);
  const auto least = [](const at::Tensor& ours, const at::Tensor& reference) {
    return row_cosines(ours, reference).min().item<double>();
  };
  // bfloat16 rounds attention's operands to a relative 2^-9, which flips more codes than another
  // order of sums does: half of what expect_same() allows.
  EXPECT_GT(least(native.model.encode_image(pixels), simulated.encode_image(pixels)), 0.998);
  EXPECT_GT(least(native.model.encode_text(tokens), simulated.encode_text(tokens)), 0.998);
}

INSTANTIATE_TEST_SUITE_P(Paths, EveryAttention, ::testing::ValuesIn(names_of(attention_paths())),
                         [](const auto& test) { return identifier(test.param); });

class NativeBatches : public ::testing::TestWithParam<std::string> {};

/// Few rows, many rows and many items go through a tower in ways of their own.
TEST_P(NativeBatches, AnItemDoesNotDependOnItsBatch) {
  const NativeModel native = make_native(quantized(odd_config(), GetParam()), in_float32());
  const at::Tensor pixels = pixels_for(odd_config(), 40);
  const at::Tensor tokens = texts_for(odd_config(), 40);
  const at::Tensor images = native.model.encode_image(pixels);
  const at::Tensor texts = native.model.encode_text(tokens);
  for (const std::int64_t item : {0, 17, 39}) {
    EXPECT_GT(
        row_cosines(native.model.encode_image(pixels.narrow(0, item, 1)), images.narrow(0, item, 1))
            .min()
            .item<double>(),
        0.99999);
    EXPECT_GT(
        row_cosines(native.model.encode_text(tokens.narrow(0, item, 1)), texts.narrow(0, item, 1))
            .min()
            .item<double>(),
        0.99999);
  }
}

INSTANTIATE_TEST_SUITE_P(NativeModel, NativeBatches,
                         ::testing::Values("int8-dynamic", "int8-static", "fp8-max",
                                           "fp8-weight-only", "int4-weight-only", "int4-dynamic"),
                         [](const auto& test) { return identifier(test.param); });

/// Ranges over all rows keep the DQ-CLIP paper's blocks from running as one.
TEST(NativeModel, EveryRecipeRunsNatively) {
  for (const ClipConfig& config : {odd_config(), odd_siglip_config(), odd_resnet_config()}) {
    for (const std::string& recipe : recipe_names()) {
      NativeModel native = make_native(quantized(config, recipe), in_float32());
      EXPECT_THAT(native.simulated, ::testing::Each(HasSubstr("attnpool: "))) << recipe;
      for (const TransformerPart& part : parts_of(native.model).transformers) {
        EXPECT_EQ(part.transformer->runner == nullptr, recipe == "dq-clip")
            << recipe << " " << part.name;
      }
    }
  }
}

TEST(NativeModel, SaysWhatIsSimulatedAndWhy) {
  const NativeModel pool = make_native(quantized(odd_resnet_config(), "int8-static"), in_float32());
  EXPECT_THAT(pool.simulated,
              ::testing::Each(HasSubstr("attnpool: an attention pool's quantized")));
  EXPECT_THAT(pool.simulated, ::testing::SizeIs(1));
}

}  // namespace
}  // namespace clipq
