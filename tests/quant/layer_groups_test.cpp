#include "clipq/quant/layer_groups.h"

#include <ATen/ops/equal.h>
#include <fnmatch.h>
#include <gmock/gmock.h>

#include <algorithm>
#include <map>

#include "calibration_batches.h"
#include "clipq/quant/place_quantizers.h"
#include "clipq/quant/quantize_model.h"

namespace clipq {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;

/// A recipe that quantizes everything that has a quantizer.
Recipe everything() {
  return parse_recipe(parse_json(R"({"name": "everything", "rules": [
        {"match": "*.weight_quantizer", "format": "int8"},
        {"match": "*.input_quantizer", "format": "int8", "granularity": "token", "range": "dynamic"},
        {"match": "*.*_bmm_quantizer", "format": "int8", "range": "dynamic", "optional": true}]})",
                                 "test"),
                      "test");
}

std::vector<LayerGroup> groups_of(ClipModel& model, const Recipe& recipe) {
  const Placement placement = place_quantizers(model, recipe, Component::kBoth);
  return layer_groups(parts_of(model), placement);
}

std::vector<std::string> names_of(const std::vector<LayerGroup>& groups) {
  std::vector<std::string> names;
  for (const LayerGroup& group : groups) names.push_back(group.name);
  return names;
}

TEST(LayerGroups, AreThoseOfAVit) {
  ClipModel model = testing::tiny_clip();
  const std::vector<LayerGroup> groups = groups_of(model, everything());
  EXPECT_THAT(
      names_of(groups),
      ElementsAre("visual.conv1", "visual.transformer.resblocks.0.attn",
                  "visual.transformer.resblocks.0.mlp", "visual.transformer.resblocks.1.attn",
                  "visual.transformer.resblocks.1.mlp", "visual.proj", "token_embedding",
                  "transformer.resblocks.0.attn", "transformer.resblocks.0.mlp",
                  "transformer.resblocks.1.attn", "transformer.resblocks.1.mlp",
                  "text_projection"));
  EXPECT_THAT(groups[1].layers, ElementsAre("visual.transformer.resblocks.0.attn.in_proj",
                                            "visual.transformer.resblocks.0.attn.out_proj",
                                            "visual.transformer.resblocks.0.attn"));
  EXPECT_EQ(groups[1].quantizers, 4 + 3);  // two layers, and q, k and v
  EXPECT_THAT((std::vector{groups[0].stage, groups[1].stage, groups[2].stage, groups[3].stage,
                           groups[5].stage}),
              ElementsAre(0, 1, 1, 2, 4));
}

TEST(LayerGroups, AreThoseOfAResNet) {
  ClipModel model = testing::tiny_resnet_clip();
  const std::vector<LayerGroup> groups = groups_of(model, everything());
  const std::vector<std::string> names = names_of(groups);
  EXPECT_THAT(
      (std::vector<std::string>(names.begin(), names.begin() + 8)),
      ElementsAre("visual.stem", "visual.layer1.0", "visual.layer2.0", "visual.layer2.1",
                  "visual.layer3.0", "visual.layer4.0", "visual.attnpool", "token_embedding"));
  EXPECT_THAT(groups[0].globs, ElementsAre("visual.conv1.*", "visual.conv2.*", "visual.conv3.*"));
  EXPECT_EQ(groups[6].stage, model.image->pooling_stage());
}

TEST(LayerGroups, AreThoseOfSigLip) {
  ClipModel model = testing::random_clip(testing::tiny_siglip_config());
  EXPECT_THAT(names_of(groups_of(model, everything())), Contains("visual.attn_pool"));
}

TEST(LayerGroups, LeaveOutWhatStaysFloat) {
  ClipModel model = testing::tiny_clip();
  const std::vector<LayerGroup> groups = groups_of(model, load_recipe("dq-clip", {}));
  EXPECT_THAT(
      names_of(groups),
      ElementsAre("visual.transformer.resblocks.0.mlp", "visual.transformer.resblocks.1.mlp",
                  "transformer.resblocks.0.mlp", "transformer.resblocks.1.mlp"));
}

TEST(LayerGroups, GlobsMatchEveryQuantizerOnceAndInItsGroup) {
  for (const ClipConfig& config :
       {testing::tiny_config(), testing::tiny_siglip_config(), testing::tiny_resnet_config()}) {
    ClipModel model = testing::random_clip(config);
    const Placement placement = place_quantizers(model, everything(), Component::kBoth);
    const std::vector<LayerGroup> groups = layer_groups(parts_of(model), placement);
    for (const PlacedQuantizer& quantizer : placement) {
      std::vector<const LayerGroup*> matching;
      for (const LayerGroup& group : groups) {
        for (const std::string& glob : group.globs) {
          if (fnmatch(glob.c_str(), quantizer.name().c_str(), 0) == 0) matching.push_back(&group);
        }
      }
      ASSERT_EQ(matching.size(), 1U) << quantizer.name();
      EXPECT_THAT(matching.front()->layers, Contains(quantizer.id.layer));
    }
  }
}

/// The layers of a model by name.
std::map<std::string, const void*> layers_of(ClipModel& model) {
  std::map<std::string, const void*> layers;
  const ModelParts parts = parts_of(model);
  for (const LinearPart& part : parts.linears) layers[part.name] = part.layer->get();
  for (const AttentionPart& part : parts.attentions) layers[part.name] = part.layer->get();
  for (const EmbeddingPart& part : parts.embeddings) layers[part.name] = part.layer->get();
  return layers;
}

TEST(LayerGroups, TakeAllTheirLayersAndNoOthers) {
  ClipModel model = testing::tiny_clip();
  const Recipe recipe = everything();
  const Placement placement = place_quantizers(model, recipe, Component::kBoth);
  const std::vector<LayerGroup> groups = layer_groups(parts_of(model), placement);
  QuantizedPair pair = quantize_beside_float(model, placement, recipe, testing::tiny_batch());
  const auto floating = layers_of(pair.transformed);
  const auto quantized = layers_of(pair.quantized.model);
  for (const LayerGroup& group : groups) {
    ClipModel mixed = with_layers_of(pair.transformed, pair.quantized.model, group);
    for (const auto& [name, layer] : layers_of(mixed)) {
      const bool is_own =
          std::find(group.layers.begin(), group.layers.end(), name) != group.layers.end();
      EXPECT_EQ(layer, (is_own ? quantized : floating).at(name)) << group.name << ": " << name;
      EXPECT_NE(quantized.at(name), floating.at(name)) << name;
    }
  }
}

TEST(QuantizeBesideFloat, KeepsWhatAlgorithmsHaveMadeOfTheFloatModel) {
  const ClipModel model = testing::tiny_clip();
  ClipModel placed = model;
  const Recipe recipe = load_recipe("int8-smooth", {});
  const Placement placement = place_quantizers(placed, recipe, Component::kBoth);
  const auto data = testing::tiny_batch();
  const QuantizedPair pair = quantize_beside_float(model, placement, recipe, data);
  const QuantizedModel alone = quantize_model(model, placement, recipe, data);
  const at::Tensor pixels = testing::tiny_pixels();
  EXPECT_TRUE(
      at::equal(pair.quantized.model.encode_image(pixels), alone.model.encode_image(pixels)));
  EXPECT_FALSE(at::equal(pair.transformed.encode_image(pixels), model.encode_image(pixels)));
  EXPECT_LT(
      testing::max_difference(pair.transformed.encode_image(pixels), model.encode_image(pixels)),
      1e-4);  // rounding of scaled weights
}

}  // namespace
}  // namespace clipq
