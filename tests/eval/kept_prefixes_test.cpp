#include "clipq/eval/kept_prefixes.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/ones.h>
#include <gmock/gmock.h>

#include <algorithm>
#include <map>

#include "calibration_batches.h"
#include "clipq/core/strings.h"
#include "clipq/quant/place_quantizers.h"
#include "mixed_models.h"
#include "part_pass.h"
#include "temporary_folder.h"

namespace clipq {
namespace {

using ::testing::IsEmpty;
using ::testing::Not;

/// Models of a kind of towers, mixed for a recipe.
struct Mixtures {
  Mixtures(const ClipConfig& config, const Recipe& recipe) {
    ClipModel model = testing::random_clip(config);
    const Placement placement = place_quantizers(model, recipe, Component::kBoth);
    groups = layer_groups(parts_of(model), placement);
    models = mixed_models(
        quantize_beside_float(model, placement, recipe, testing::tiny_batch(config)), groups);
  }

  std::vector<LayerGroup> groups;
  std::map<Tower, std::vector<MixedModel>> models;
};

/// Two batches.
TowerBatches batches_for(Tower tower, const ClipModel& model) {
  if (tower == Tower::kImage) {
    const at::Tensor pixels = testing::tiny_pixels(model.image->config(), 5);
    return {pixels.narrow(0, 0, 3), pixels.narrow(0, 3, 2)};
  }
  const at::Tensor tokens = testing::tiny_tokens();
  return {tokens, tokens.narrow(0, 0, 1)};
}

struct Case {
  std::string towers;
  ClipConfig config;
  std::string recipe;
};

/// Everything that can be quantized, or MLPs and projections by ranges over the whole batch.
Recipe recipe_of(const std::string& name) {
  if (name == "dq-clip") {
    Json json = load_recipe(name, {}).json;
    for (const char* projection : {"visual.proj", "text_projection"}) {
      json["rules"].push_back({{"match", cat(projection, ".input_quantizer")},
                               {"format", "int8"},
                               {"range", "dynamic"},
                               {"optional", true}});
    }
    return parse_recipe(json, "test");
  }
  const std::string dynamic = R"("granularity": "token", "range": "dynamic")";
  const std::string range = name == "static" ? R"("range": "static")" : dynamic;
  return parse_recipe(
      parse_json(
          cat(R"({"name": "test", "rules": [{"match": "*.weight_quantizer", "format": "int8"},
                        {"match": "*.input_quantizer", "format": "int8", )",
              range, R"(}, {"match": "*_bmm_quantizer", "format": "int8", "optional": true, )",
              range, "}]}"),
          "test"),
      "test");
}

class KeptPrefixes : public ::testing::TestWithParam<Case> {};

TEST_P(KeptPrefixes, GiveWhatEachModelGivesByItself) {
  const Mixtures mixtures(GetParam().config, recipe_of(GetParam().recipe));
  ASSERT_THAT(mixtures.groups, Not(IsEmpty()));
  for (const auto& [tower, models] : mixtures.models) {
    const TowerBatches batches = batches_for(tower, models.front().model);
    std::size_t done = 0;
    run_with_kept_prefixes(
        models, {tower}, batches, [](const MixedModel&) { return true; },
        [&, of = tower](const MixedModel& each, const std::vector<at::Tensor>& rows) {
          ++done;
          for (std::size_t i = 0; i < batches.size(); ++i) {
            EXPECT_TRUE(at::equal(rows[i], each.model.encode(of, batches[i]))) << each.name;
          }
        });
    EXPECT_EQ(done, models.size());
  }
}

std::vector<Case> cases() {
  std::vector<Case> all;
  for (const std::string recipe : {"dynamic", "static", "dq-clip"}) {
    all.push_back({"ViT", testing::tiny_config(), recipe});
    all.push_back({"SigLIP", testing::tiny_siglip_config(), recipe});
    if (recipe != "dq-clip") all.push_back({"ResNet", testing::tiny_resnet_config(), recipe});
  }
  return all;
}

INSTANTIATE_TEST_SUITE_P(All, KeptPrefixes, ::testing::ValuesIn(cases()), [](const auto& test) {
  std::string name = cat(test.param.towers, "_", test.param.recipe);
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
});

TEST(KeptPrefixes, GivePooledFeatures) {
  const Mixtures mixtures(testing::tiny_config(), recipe_of("dynamic"));
  const std::vector<MixedModel>& models = mixtures.models.at(Tower::kImage);
  const TowerBatches batches = batches_for(Tower::kImage, models.front().model);
  run_with_kept_prefixes(
      models, {Tower::kImage, ImageFeature::kPooled}, batches,
      [](const MixedModel&) { return true; },
      [&](const MixedModel& each, const std::vector<at::Tensor>& rows) {
        EXPECT_TRUE(at::equal(rows[0], each.model.pool_image(batches[0]))) << each.name;
      });
}

TEST(PartPass, PartsDontChangeWhatComesOut) {
  const Mixtures mixtures(testing::tiny_config(), recipe_of("static"));
  const std::vector<MixedModel>& models = mixtures.models.at(Tower::kImage);
  const TowerBatches batches = batches_for(Tower::kImage, models.front().model);
  FeatureStore store;
  const auto run = [&](const std::string& name, std::int64_t most_bytes) {
    PartPass pass(models, {Tower::kImage}, name, "model", store, most_bytes);
    for (const at::Tensor& batch : batches) pass.add(batch, {});
    pass.finish();
    return pass;
  };
  const PartPass whole = run("whole", std::int64_t{1} << 30);
  const PartPass parts = run("parts", 1);
  EXPECT_FALSE(store.find("whole-1-float").defined());
  EXPECT_TRUE(store.find("parts-1-float").defined());
  for (const MixedModel& each : models) {
    const at::Tensor expected =
        at::cat({each.model.encode_image(batches[0]), each.model.encode_image(batches[1])});
    EXPECT_TRUE(at::equal(whole.features(each.name), expected)) << each.name;
    EXPECT_TRUE(at::equal(parts.features(each.name), expected)) << each.name;
  }
}

TEST(PartPass, RunsOnlyWhatTheStoreLacks) {
  const testing::TemporaryFolder folder;
  const std::vector<MixedModel> models = {{"a", testing::tiny_clip(1), 0, "a"},
                                          {"b", testing::tiny_clip(2), 0, "b"}};
  const at::Tensor pixels = testing::tiny_pixels();
  const at::Tensor stored = at::ones({3, 32});
  FeatureStore(folder.path()).put("images-0-a", stored);
  FeatureStore store(folder.path());
  PartPass pass(models, {Tower::kImage}, "images", "model", store, 1);
  pass.add(pixels, {});
  EXPECT_TRUE(at::equal(pass.features("a"), stored));
  EXPECT_TRUE(at::equal(pass.features("b"), models[1].model.encode_image(pixels)));
}

}  // namespace
}  // namespace clipq
