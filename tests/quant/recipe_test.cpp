#include "clipq/quant/recipe.h"

#include <gmock/gmock.h>

#include <algorithm>

#include "clipq/core/error.h"
#include "clipq/core/strings.h"
#include "clipq/quant/place_quantizers.h"
#include "tiny_clip.h"

namespace clipq {
namespace {

using ::testing::HasSubstr;

std::string placement_error(const std::string& json) {
  ClipModel model = testing::tiny_clip();
  try {
    place_quantizers(model, parse_recipe(parse_json(json, "r"), "r"), Component::kBoth);
  } catch (const UsageError& failure) {
    return failure.what();
  }
  return "";
}

Placement place(const std::string& recipe, Component component,
                const std::vector<std::string>& overrides = {}) {
  ClipModel model = testing::tiny_clip();
  return place_quantizers(model, load_recipe(recipe, overrides), component);
}

std::int64_t count_enabled(const Placement& placement) {
  return std::count_if(placement.begin(), placement.end(),
                       [](const PlacedQuantizer& quantizer) { return quantizer.enabled; });
}

TEST(Recipe, EveryShippedOneParsesAndPlaces) {
  for (const std::string& name : recipe_names()) {
    EXPECT_GT(count_enabled(place(name, Component::kBoth)), 0) << name;
    EXPECT_FALSE(load_recipe(name, {}).comment.empty()) << name;
    EXPECT_EQ(load_recipe(name, {}).name, name);
  }
}

TEST(Recipe, UnknownNameSuggestsTheNearest) {
  try {
    load_recipe("int8-dynamc", {});
    FAIL();
  } catch (const UsageError& failure) {
    EXPECT_THAT(failure.what(), HasSubstr("did you mean \"int8-dynamic\""));
  }
}

TEST(Recipe, UnknownKeysFormatsAndAlgorithmsAreErrors) {
  const auto error = [](const char* text) {
    try {
      parse_recipe(parse_json(text, "r"), "r.json");
    } catch (const UsageError& failure) {
      return std::string(failure.what());
    }
    return std::string();
  };
  EXPECT_THAT(error(R"({"name": "x", "ruels": []})"), HasSubstr("did you mean \"rules\""));
  EXPECT_THAT(error(R"({"name": "x", "rules": [{"match": "*", "fromat": "int8"}]})"),
              HasSubstr("r.json: rule 1: unknown key \"fromat\"; did you mean \"format\""));
  EXPECT_THAT(error(R"({"name": "x", "rules": [{"match": "*", "format": "int9"}]})"),
              HasSubstr("unknown format \"int9\"; did you mean \"int8\""));
  EXPECT_THAT(error(R"({"name": "x", "rules": [{"match": "*"}]})"), HasSubstr("says nothing"));
  EXPECT_THAT(error(R"({"name": "x", "rules": []})"), HasSubstr("at least one rule"));
  EXPECT_THAT(
      error(R"({"name": "x", "rules": [{"match": "*", "enable": false}], "algorithms": ["aqw"]})"),
      HasSubstr("r.json: algorithm 1: unknown algorithm \"aqw\"; did you mean \"awq\""));
  EXPECT_THAT(error(R"({"name": "x", "rules": [{"match": "*", "format": "int8", "bits": 7.5}]})"),
              HasSubstr("\"bits\" is 7.5, expected a whole number"));
  EXPECT_THAT(error(R"({"name": "x", "rules": [{"match": "*", "format": "int8"}],
                        "calibration": {"samples": true}})"),
              HasSubstr("\"samples\" is true, expected a whole number"));
}

TEST(Recipe, OverridesReachCalibrationAndRules) {
  const Recipe recipe =
      load_recipe("fp8-max", {"calibration.samples=64", "*.weight_quantizer.format=fp8_e5m2"});
  EXPECT_EQ(recipe.samples, 64);
  EXPECT_EQ(recipe.rules.back().match, "*.weight_quantizer");
  EXPECT_EQ(recipe.rules.back().format, Format::kFp8E5M2);
  EXPECT_THROW(load_recipe("fp8-max", {"samples=64"}), UsageError);
  EXPECT_THROW(load_recipe("fp8-max", {"calibration.smaples=64"}), UsageError);
}

TEST(Recipe, OverridesReachAlgorithms) {
  const auto list = [](const std::vector<std::string>& overrides) {
    return load_recipe("int8-smooth", overrides).json["algorithms"].dump();
  };
  EXPECT_EQ(list({"algorithms.equalize.alpha=0.7"}), R"([{"name":"equalize","alpha":0.7}])");
  EXPECT_EQ(list({"algorithms.equalize.enable=false"}), "[]");
  EXPECT_EQ(list({"algorithms.equalize.enable=false", "algorithms.gptq.damping=0.1"}),
            R"([{"name":"gptq","damping":0.1}])");
  EXPECT_EQ(list({"algorithms.equalize.enable=false", "algorithms.awq.enable=true"}),
            R"([{"name":"awq"}])");
  EXPECT_THROW(list({"algorithms.equalise.alpha=1"}), UsageError);
  EXPECT_THROW(list({"algorithms.equalize.enable=7"}), UsageError);
  EXPECT_THROW(list({"algorithms.gptq.enable=false"}), UsageError);
  EXPECT_THROW(list({"algorithms.gptq=1"}), UsageError);
}

TEST(Placement, RuleThatMatchesNothingIsAnErrorUnlessOptional) {
  const std::string head =
      R"({"name": "x", "rules": [{"match": "*.wieght_quantizer", "format": "int8")";
  EXPECT_THAT(placement_error(head + "}]}"), HasSubstr("did you mean \"*.weight_quantizer\""));
  EXPECT_EQ(placement_error(head + R"(, "optional": true}]})"), "");
}

TEST(Placement, LaterRulesWinAndAFormatResetsAttributes) {
  ClipModel model = testing::tiny_clip();
  const Recipe recipe = parse_recipe(parse_json(R"({"name": "x", "rules": [
      {"match": "*.input_quantizer", "format": "int8", "bits": 7, "scheme": "affine",
       "granularity": "token", "range": "dynamic"},
      {"match": "visual.proj.*", "format": "int8"},
      {"match": "text_projection.*", "enable": false}]})",
                                                "r"),
                                     "r");
  const Placement placement = place_quantizers(model, recipe, Component::kBoth);
  const PlacedQuantizer* reset = find_enabled(placement, {"visual.proj", Role::kInput});
  ASSERT_NE(reset, nullptr);
  EXPECT_EQ(reset->spec.bits, 8);
  EXPECT_EQ(reset->spec.scheme, Scheme::kSymmetric);
  EXPECT_EQ(reset->spec.granularity, Granularity::kTensor);
  const PlacedQuantizer* weight = find_enabled(placement, {"visual.proj", Role::kWeight});
  ASSERT_NE(weight, nullptr);
  EXPECT_EQ(weight->spec.granularity, Granularity::kChannel);
  EXPECT_EQ(find_enabled(placement, {"text_projection", Role::kInput}), nullptr);
}

TEST(Placement, ComponentRestrictsARecipeToATower) {
  for (const PlacedQuantizer& quantizer : place("int8-dynamic", Component::kText)) {
    EXPECT_TRUE(!quantizer.enabled || quantizer.tower == Tower::kText) << quantizer.name();
  }
  const std::int64_t image = count_enabled(place("int8-dynamic", Component::kImage));
  const std::int64_t text = count_enabled(place("int8-dynamic", Component::kText));
  EXPECT_EQ(image + text, count_enabled(place("int8-dynamic", Component::kBoth)));
}

TEST(Placement, ContradictionsAreErrors) {
  const auto error = [](const std::string& attributes) {
    return placement_error(R"({"name": "x", "rules": [{"match": )" + attributes + "}]}");
  };
  EXPECT_THAT(error(R"("*.input_quantizer", "format": "fp8_e4m3", "scheme": "affine")"),
              HasSubstr("symmetric"));
  EXPECT_THAT(error(R"("*.input_quantizer", "format": "int8", "bits": 9)"),
              HasSubstr("2 to 8 bits"));
  EXPECT_THAT(error(R"("*.weight_quantizer", "format": "int4", "bits": 5)"),
              HasSubstr("2 to 4 bits"));
  EXPECT_THAT(error(R"("*.input_quantizer", "format": "int4")"), HasSubstr("is for weights"));
  EXPECT_THAT(error(R"("*.weight_quantizer", "format": "int8", "scheme": "twin")"),
              HasSubstr("symmetric or affine"));
  EXPECT_THAT(error(R"("*.weight_quantizer", "format": "fp16", "granularity": "channel")"),
              HasSubstr("no scales"));
  EXPECT_THAT(error(R"("*.input_quantizer", "format": "fp8_e4m3", "observer": "entropy")"),
              HasSubstr("integer formats"));
  EXPECT_THAT(error(R"("*.weight_quantizer", "format": "int8", "observer": "mse")"),
              HasSubstr("takes no observer"));
  EXPECT_THAT(error(R"("*.input_quantizer", "format": "int8", "range": "dynamic",
                       "observer": "mse")"),
              HasSubstr("takes no observer"));
  EXPECT_THAT(error(R"("*.weight_quantizer", "format": "int8", "range": "dynamic")"),
              HasSubstr("range of a weight"));
  EXPECT_THAT(error(R"("*.input_quantizer", "format": "int8", "granularity": "token")"),
              HasSubstr("ranges of activations are dynamic"));
  EXPECT_THAT(error(R"("*.input_quantizer", "enable": true)"), HasSubstr("no rule gives it"));
}

TEST(Placement, AlgorithmsThatHaveNothingToDoAreErrors) {
  for (const char* name : {"gptq", "awq", "weight_clip", "bias_correction", "equalize"}) {
    EXPECT_THAT(placement_error(cat(R"({"name": "x", "rules": [{"match": "token_embedding.*",
                                    "format": "fp16"}], "algorithms": [")",
                                    name, "\"]}")),
                HasSubstr("has nothing to do"))
        << name;
  }
}

/// Products of 8-bit codes saturate on machines without VNNI unless a side has 7 bits.
TEST(Placement, EveryProductOfAShippedInt8RecipeHasASideOf7Bits) {
  for (const char* name : {"int8-dynamic", "int8-static", "int8-smooth"}) {
    const Placement placement = place(name, Component::kBoth);
    const auto bits = [&](const std::string& module, Role role) {
      const PlacedQuantizer* found = find_enabled(placement, {module, role});
      return found == nullptr ? 0 : found->spec.bits;
    };
    for (const PlacedQuantizer& placed : placement) {
      const auto expect = [&](Role left, Role right) {
        if (bits(placed.id.layer, left) == 0 || bits(placed.id.layer, right) == 0) return;
        EXPECT_LE(bits(placed.id.layer, left) + bits(placed.id.layer, right), 15) << placed.name();
      };
      expect(Role::kWeight, Role::kInput);
      expect(Role::kQBmm, Role::kKBmm);
      expect(Role::kSoftmax, Role::kVBmm);
    }
  }
}

TEST(Placement, DqClipReachesTheMlpOnly) {
  for (const PlacedQuantizer& quantizer : place("dq-clip", Component::kBoth)) {
    const bool mlp = quantizer.id.layer.find(".mlp.") != std::string::npos;
    EXPECT_EQ(quantizer.enabled, mlp) << quantizer.name();
  }
}

}  // namespace
}  // namespace clipq
