#include <ATen/ops/conv2d.h>
#include <ATen/ops/full.h>
#include <ATen/ops/tensor.h>
#include <gmock/gmock.h>

#include <functional>
#include <limits>
#include <numeric>
#include <set>

#include "clipq/core/error.h"
#include "clipq/model/patches.h"
#include "tiny_clip.h"

namespace clipq {
namespace {

using ::testing::HasSubstr;
using testing::max_difference;
using testing::random_state;
using testing::tiny_clip;
using testing::tiny_config;
using testing::tiny_siglip_config;

ClipModel tiny_siglip() {
  Preprocess preprocess;
  preprocess.size = 16;
  return build_model(tiny_siglip_config(), preprocess, random_state(tiny_siglip_config()), "tiny");
}

std::string message_of(const StateDict& state, const ClipConfig& config) {
  try {
    build_model(config, {}, state, "file.pt");
  } catch (const InputError& failure) {
    return failure.what();
  }
  return "";
}

TEST(ClipConfig, IsInferredFromShapes) {
  ClipConfig inferred = infer_config(random_state(tiny_config()), "file.pt");
  EXPECT_EQ(inferred, tiny_config());
  EXPECT_EQ(config_from_json(to_json(inferred), "json"), inferred);
}

TEST(ClipConfig, OfSiglipIsInferredButForHowTextsAreRead) {
  ClipConfig inferred = infer_config(random_state(tiny_siglip_config()), "file.pt");
  EXPECT_TRUE(inferred.text->causal);
  inferred.text->causal = false;
  inferred.text->pooling = TextPooling::kLast;
  EXPECT_EQ(inferred, tiny_siglip_config());
  EXPECT_EQ(config_from_json(to_json(inferred), "json"), inferred);
  Json json = to_json(inferred);
  json["text_pooling"] = "middle";
  EXPECT_THROW(config_from_json(json, "json"), InputError);
}

TEST(ClipConfig, OfOneTowerIsInferredAndStored) {
  for (const ClipConfig& both : {tiny_config(), tiny_siglip_config()}) {
    const ClipConfig image = testing::tower_alone(both, Tower::kImage);
    EXPECT_EQ(infer_config(random_state(image), "file.pt"), image);
    EXPECT_EQ(config_from_json(to_json(image), "json"), image);
    EXPECT_FALSE(to_json(image).contains("text_width"));
  }
  const ClipConfig text = testing::tower_alone(tiny_config(), Tower::kText);
  EXPECT_EQ(infer_config(random_state(text), "file.pt"), text);
  EXPECT_EQ(config_from_json(to_json(text), "json"), text);
  EXPECT_THROW(config_from_json({{"embed_dim", 32}}, "json"), InputError);
}

TEST(ClipModel, OfOneTowerEmbedsAsTheWholeAndRefusesTheRest) {
  const ClipModel whole = tiny_clip();
  for (const Tower tower : kTowers) {
    const Tower other = tower == Tower::kImage ? Tower::kText : Tower::kImage;
    const auto input = [](Tower each) {
      return each == Tower::kImage ? testing::tiny_pixels() : testing::tiny_tokens();
    };
    StateDict state = random_state(tiny_config());
    std::erase_if(state, [other](const auto& entry) { return tower_of(entry.first) == other; });
    const ClipModel alone =
        build_model(testing::tower_alone(tiny_config(), tower), whole.preprocess, state, "one");
    EXPECT_EQ(alone.towers(), std::vector<Tower>{tower});
    EXPECT_FALSE(alone.logit_scale.defined());
    for (const ClipModel& model : {alone, tower_alone(whole, tower)}) {
      EXPECT_TRUE(model.encode(tower, input(tower)).equal(whole.encode(tower, input(tower))));
      EXPECT_THROW(model.encode(other, input(other)), UsageError);
    }
  }
}

TEST(ClipConfig, OtherModulesAreRefusedByName) {
  EXPECT_THROW(
      {
        try {
          infer_config({{"layer1.weight", testing::random_normal({2, 2}, 1)}}, "file.pt");
        } catch (const InputError& failure) {
          EXPECT_THAT(failure.what(), HasSubstr("file.pt: not a CLIP with OpenAI's names"));
          throw;
        }
      },
      InputError);
}

TEST(BuildModel, NamesTheTensorThatIsMissingMisshapenNanOrLeftOver) {
  const ClipConfig config = tiny_config();
  StateDict state = random_state(config);
  state.erase("ln_final.bias");
  EXPECT_THAT(message_of(state, config), HasSubstr("file.pt: \"ln_final.bias\" is missing"));

  state = random_state(config);
  state["visual.proj"] = testing::random_normal({64, 33}, 1);
  EXPECT_THAT(message_of(state, config),
              HasSubstr("visual.proj has shape [64, 33], expected [64, 32]"));

  state = random_state(config);
  state["visual.ln_pre.weight"][3] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_THAT(message_of(state, config),
              HasSubstr("visual.ln_pre.weight has 1 of 64 values that are NaN or infinite"));

  state = random_state(config);
  state["visual.ls_1.gamma"] = testing::random_normal({64}, 1);
  EXPECT_THAT(message_of(state, config), HasSubstr("visual.ls_1.gamma"));
}

TEST(Patchify, MakesTheConvolutionALinear) {
  const at::Tensor pixels = testing::random_normal({2, 3, 24, 24}, 1);
  const at::Tensor weight = testing::random_normal({10, 3, 8, 8}, 2);
  const at::Tensor convolved =
      at::conv2d(pixels, weight, {}, at::IntArrayRef{8, 8}).flatten(2).transpose(1, 2);
  const at::Tensor linear = patchify(pixels, 8).matmul(weight.flatten(1).t());
  EXPECT_LT(max_difference(convolved, linear), 1e-4);
}

TEST(Patchify, LeavesOutWhatFillsNoPatch) {
  const at::Tensor pixels = testing::random_normal({2, 3, 21, 21}, 1);
  const at::Tensor weight = testing::random_normal({10, 3, 8, 8}, 2);
  const at::Tensor convolved =
      at::conv2d(pixels, weight, {}, at::IntArrayRef{8, 8}).flatten(2).transpose(1, 2);
  EXPECT_LT(max_difference(convolved, patchify(pixels, 8).matmul(weight.flatten(1).t())), 1e-4);
}

TEST(TextTower, IgnoresWhatFollowsTheEndOfText) {
  const ClipModel model = tiny_clip();
  const at::Tensor tokens = testing::tiny_tokens();
  const at::Tensor full = model.encode_text(tokens);
  const at::Tensor cut = model.encode_text(tokens.narrow(0, 0, 1).narrow(1, 0, 4));
  EXPECT_LT(max_difference(full[0], cut[0]), 1e-5);
  at::Tensor other = tokens.clone();
  other[0][8] = 17;
  EXPECT_LT(max_difference(model.encode_text(other)[0], full[0]), 1e-5);
}

TEST(TextTower, IsPooledAtTheFirstEnd) {
  ClipConfig config = tiny_config();
  config.text->pooling = TextPooling::kFirstEnd;
  config.text->end_id = 22;
  const ClipModel model = build_model(config, {}, random_state(config), "tiny");
  const at::Tensor tokens = testing::tiny_tokens();
  EXPECT_TRUE(model.text->lengths(tokens).equal(at::tensor({1, 4}, at::kLong)));
  at::Tensor other = tokens.clone();
  other[1][4] = 17;
  EXPECT_LT(max_difference(model.encode_text(other)[1], model.encode_text(tokens)[1]), 1e-5);
}

TEST(TextTower, ThatIsNotCausalWantsAndReadsTheWholeContext) {
  const ClipModel model = tiny_siglip();
  const at::Tensor tokens = testing::tiny_tokens();
  EXPECT_TRUE(model.text->lengths(tokens).equal(at::full({2}, 12, at::kLong)));
  at::Tensor other = tokens.clone();
  other[0][11] = 3;
  EXPECT_GT(max_difference(model.encode_text(other)[0], model.encode_text(tokens)[0]), 1e-2);
  EXPECT_THROW(model.encode_text(tokens.narrow(1, 0, 11)), InputError);
}

TEST(AttentionPooledVit, EmbedsWhatItPools) {
  const ClipModel model = tiny_siglip();
  const at::Tensor pixels = testing::tiny_pixels();
  EXPECT_TRUE(model.encode_image(pixels).equal(model.pool_image(pixels)));
  EXPECT_EQ(model.image->config().tokens(), 4);
}

TEST(ClipModel, RefusesInputsThatDoNotFit) {
  const ClipModel model = tiny_clip();
  EXPECT_THROW(model.encode_image(testing::random_normal({1, 3, 8, 8}, 1)), InputError);
  EXPECT_THROW(model.encode_text(at::zeros({1, 13}, at::kLong)), InputError);
  at::Tensor tokens = testing::tiny_tokens();
  tokens[0][1] = 40;
  EXPECT_THROW(model.encode_text(tokens), InputError);
}

std::int64_t elements(const std::vector<std::int64_t>& shape) {
  return std::accumulate(shape.begin(), shape.end(), std::int64_t{1}, std::multiplies<>());
}

void expect_parts_cover(const StateDict& state, ClipModel model) {
  std::set<std::string> left;
  for (const auto& [name, tensor] : state) left.insert(name);
  const auto cover = [&](const std::string& name, const std::vector<std::int64_t>& shape) {
    ASSERT_EQ(left.erase(name), 1U) << name;
    EXPECT_EQ(state.at(name).sizes(), at::IntArrayRef(shape)) << name;
  };
  const ModelParts parts = parts_of(model);
  for (const TensorPart& part : parts.tensors) cover(part.name, part.shape);
  for (const EmbeddingPart& part : parts.embeddings) {
    cover(part.name + ".weight", {part.entries, part.width});
  }
  for (const LinearPart& part : parts.linears) {
    cover(part.stored.weight, part.stored.shape);
    if (part.has_bias()) cover(part.stored.bias, {part.out_features});
    EXPECT_EQ(elements(part.stored.shape), part.in_features * part.out_features) << part.name;
    EXPECT_EQ((*part.layer)->out_features(), part.out_features) << part.name;
    EXPECT_EQ((*part.layer)->in_features(), part.in_features) << part.name;
    EXPECT_EQ(tower_of(part.name), part.tower) << part.name;
  }
  EXPECT_THAT(left, ::testing::ElementsAre("logit_scale"));
}

TEST(ModelParts, CoverEveryTensorOfTheStateDictByNameAndShape) {
  expect_parts_cover(random_state(tiny_config()), tiny_clip());
  expect_parts_cover(random_state(tiny_siglip_config()), tiny_siglip());
  expect_parts_cover(random_state(testing::tiny_resnet_config()), testing::tiny_resnet_clip());
}

TEST(ModelParts, AreTheSameBeforeThereAreWeights) {
  ClipModel model = tiny_clip();
  ClipModel empty = make_towers(tiny_config());
  const ModelParts parts = parts_of(model);
  const ModelParts planned = parts_of(empty);
  ASSERT_EQ(parts.linears.size(), planned.linears.size());
  for (std::size_t i = 0; i < parts.linears.size(); ++i) {
    EXPECT_EQ(parts.linears[i].name, planned.linears[i].name);
    EXPECT_EQ(parts.linears[i].rows, planned.linears[i].rows);
  }
  EXPECT_EQ(parts.attentions.size(), 4U);
  EXPECT_THAT(top_level_names(parts, Tower::kImage), ::testing::ElementsAre("visual"));
  EXPECT_THAT(top_level_names(parts, Tower::kText), ::testing::Contains("transformer"));
}

TEST(ClipModel, CopiesHaveLayersOfTheirOwn) {
  const ClipModel model = tiny_clip();
  ClipModel copy = model;
  TowerSettings settings = copy.text->config().settings;
  settings.heads = 4;
  copy = with_settings(std::move(copy), Tower::kText, settings);
  EXPECT_EQ(copy.config().text->settings.heads, 4);
  EXPECT_EQ(model.config().text->settings.heads, 1);
  const at::Tensor tokens = testing::tiny_tokens();
  EXPECT_GT(max_difference(copy.encode_text(tokens), model.encode_text(tokens)), 1e-3);
}

TEST(ClipConfig, KeepsAnMlpOfAnotherWidth) {
  ClipConfig config = tiny_config();
  config.image->mlp_width = 96;
  EXPECT_EQ(infer_config(random_state(config), "file.pt"), config);
  EXPECT_EQ(config_from_json(to_json(config), "json"), config);
  Json former = to_json(tiny_config());
  for (const char* tower : {"vision_settings", "text_settings"}) former[tower].erase("mlp_width");
  EXPECT_EQ(config_from_json(former, "json"), tiny_config());
}

}  // namespace
}  // namespace clipq
