#include "clipq/quant/recipe_mixer.h"

#include <gmock/gmock.h>

#include <random>

#include "calibration_batches.h"
#include "clipq/core/error.h"
#include "clipq/quant/bit_operations.h"
#include "clipq/quant/place_quantizers.h"

namespace clipq {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::vector<LayerFormat> formats_of(const std::vector<std::string>& names) {
  std::vector<LayerFormat> formats;
  for (const std::string& name : names) formats.push_back(load_layer_format(name));
  return formats;
}

FormatChoices random_choices(std::mt19937& random, const RecipeMixer& mixer) {
  FormatChoices choices(mixer.groups().size());
  for (std::size_t& choice : choices) choice = random() % mixer.formats().size();
  return choices;
}

void expect_same(const Placement& one, const Placement& other) {
  ASSERT_EQ(one.size(), other.size());
  for (std::size_t i = 0; i < one.size(); ++i) {
    EXPECT_EQ(one[i].enabled, other[i].enabled) << one[i].name();
    if (!one[i].enabled) continue;
    EXPECT_EQ(one[i].spec, other[i].spec) << one[i].name();
  }
}

/// The mixer's recipes place what it says, and survive a file.
void check_mixes(ClipModel model, const std::vector<std::string>& names) {
  const RecipeMixer mixer(model, formats_of(names), Component::kBoth, 0);
  std::mt19937 random(11);
  for (int round = 0; round < 12; ++round) {
    const FormatChoices choices = random_choices(random, mixer);
    const Json json = mixer.recipe("mix", choices);
    const Recipe recipe = parse_recipe(parse_json(json.dump(), "mix"), "mix");
    expect_same(place_quantizers(model, recipe, Component::kBoth), mixer.placement(choices));
  }
}

TEST(RecipeMixer, WritesRecipesThatPlaceTheMix) {
  const std::vector<std::string> all = {"int4", "int8", "fp8_e4m3", "fp16", "float"};
  check_mixes(testing::tiny_clip(), all);
  check_mixes(testing::tiny_resnet_clip(), all);
  check_mixes(testing::random_clip(testing::tiny_siglip_config()), all);
}

TEST(RecipeMixer, TakesRecipesAsFormats) {
  check_mixes(testing::tiny_clip(), {"int4-weight-only", "int8-static", "float"});
}

TEST(RecipeMixer, GivesAGroupOneRuleForAlikeQuantizers) {
  ClipModel model = testing::tiny_clip();
  const RecipeMixer mixer(model, formats_of({"int8", "float"}), Component::kImage, 0);
  FormatChoices choices(mixer.groups().size(), 1);
  choices[1] = 0;
  std::vector<std::string> globs;
  const Json recipe = mixer.recipe("mix", choices);
  for (const Json& rule : recipe.at("rules")) globs.push_back(rule.at("match").get<std::string>());
  EXPECT_THAT(globs, ElementsAre("*", "visual.transformer.resblocks.0.attn.*weight_quantizer",
                                 "visual.transformer.resblocks.0.attn.*input_quantizer"));
}

TEST(RecipeMixer, LeavesGroupsThatArentKeptFloat) {
  ClipModel model = testing::tiny_clip();
  RecipeMixer mixer(model, formats_of({"int8"}), Component::kBoth, 0);
  mixer.keep({mixer.groups()[2]});
  for (const PlacedQuantizer& quantizer : mixer.placement(FormatChoices{0})) {
    EXPECT_EQ(quantizer.enabled,
              quantizer.id.layer.starts_with("visual.transformer.resblocks.0.mlp"));
  }
}

TEST(RecipeMixer, HasTheAlgorithmsOfAllFormats) {
  ClipModel model = testing::tiny_clip();
  const RecipeMixer mixer(model, formats_of({"int4", "int8", "float"}), Component::kBoth, 40);
  const Json recipe = mixer.recipe("mix", FormatChoices(mixer.groups().size(), 2));
  std::vector<std::string> names;
  for (const Json& algorithm : recipe.at("algorithms")) {
    EXPECT_TRUE(algorithm.at("optional").get<bool>());
    names.push_back(algorithm.at("name").get<std::string>());
  }
  EXPECT_THAT(names, ElementsAre("equalize", "weight_clip", "gptq"));
  EXPECT_EQ(recipe.at("calibration").at("samples"), 40);
  EXPECT_EQ(recipe.at("calibration").at("rows"), 1024);
}

TEST(RecipeMixer, RefusesAlgorithmsWithDifferentOptions) {
  ClipModel model = testing::tiny_clip();
  try {
    RecipeMixer(model, formats_of({"int8", "int8-smooth"}), Component::kBoth, 0);
    FAIL();
  } catch (const UsageError& failure) {
    EXPECT_THAT(failure.what(), HasSubstr("format int8-smooth has the algorithm equalize with"));
  }
}

TEST(LayerFormat, OfAnUnknownNameIsRefused) {
  try {
    load_layer_format("int5");
    FAIL();
  } catch (const UsageError& failure) {
    EXPECT_THAT(failure.what(), HasSubstr("unknown format \"int5\"; did you mean \"int4\"?"));
  }
}

TEST(BitOperations, AreThoseOfTheOperandsFormats) {
  ClipModel model = testing::tiny_clip();
  const ModelParts parts = parts_of(model);
  const RecipeMixer mixer(model, formats_of({"int4", "int8", "fp8_e4m3", "float"}),
                          Component::kBoth, 0);
  const auto of = [&](std::size_t format) {
    return bit_operations(parts, mixer.placement(FormatChoices(mixer.groups().size(), format)),
                          mixer.groups());
  };
  const auto int4 = of(0);
  const auto int8 = of(1);
  const auto fp8 = of(2);
  const auto floating = of(3);
  const std::size_t mlp = 2;
  ASSERT_EQ(mixer.groups()[mlp].name, "visual.transformer.resblocks.0.mlp");
  double multiply_adds = 0;
  for (const LinearPart& part : parts.linears) {
    if (!part.name.starts_with("visual.transformer.resblocks.0.mlp")) continue;
    multiply_adds += double(part.rows * part.in_features * part.out_features);
  }
  EXPECT_EQ(floating[mlp], multiply_adds * 32 * 32);
  EXPECT_EQ(int8[mlp], multiply_adds * 8 * 8);
  EXPECT_EQ(int4[mlp], multiply_adds * 4 * 8);
  EXPECT_EQ(fp8[mlp], multiply_adds * 8 * 8);
  // Attention's products are quantized by fp8_e4m3 alone.
  EXPECT_LT(fp8[mlp - 1], int8[mlp - 1]);
  double sum = 0;
  for (const double group : floating) sum += group;
  EXPECT_DOUBLE_EQ(sum,
                   bit_operations(parts, mixer.placement(FormatChoices(mixer.groups().size(), 3))));
}

}  // namespace
}  // namespace clipq
