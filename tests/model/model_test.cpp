#include <ATen/ops/conv2d.h>
#include <gmock/gmock.h>

#include <limits>

#include "clipq/core/error.h"
#include "clipq/model/layer_slots.h"
#include "clipq/model/plain_tensors.h"
#include "tiny_clip.h"

namespace clipq {
namespace {

using ::testing::HasSubstr;
using testing::max_difference;
using testing::random_state;
using testing::tiny_clip;
using testing::tiny_config;

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

TEST(ClipModel, RefusesInputsThatDoNotFit) {
  const ClipModel model = tiny_clip();
  EXPECT_THROW(model.encode_image(testing::random_normal({1, 3, 8, 8}, 1)), InputError);
  EXPECT_THROW(model.encode_text(at::zeros({1, 13}, at::kLong)), InputError);
  at::Tensor tokens = testing::tiny_tokens();
  tokens[0][1] = 40;
  EXPECT_THROW(model.encode_text(tokens), InputError);
}

TEST(LayerSlots, AndPlainTensorsCoverEveryParameter) {
  const ClipConfig config = tiny_config();
  std::int64_t expected = 0;
  for (const auto& [name, tensor] : random_state(config)) expected += tensor.numel();
  ClipModel model = tiny_clip();
  std::int64_t found = 1;  // logit_scale
  const LayerSlots slots = layer_slots(model);
  for (const auto& slot : slots.linears) {
    const auto& layer = dynamic_cast<const FloatLinear&>(**slot.layer);
    found += layer.weight().numel() + (layer.bias().defined() ? layer.bias().numel() : 0);
  }
  for (const auto& slot : slots.embeddings) {
    found += (*slot.layer)->entries() * (*slot.layer)->width();
  }
  for (const PlainTensor& plain : plain_tensors(model)) {
    EXPECT_EQ(plain.tensor->sizes(), at::IntArrayRef(plain.shape)) << plain.name;
    found += plain.tensor->numel();
  }
  EXPECT_EQ(found, expected);
}

}  // namespace
}  // namespace clipq
