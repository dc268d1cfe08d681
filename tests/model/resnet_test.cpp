#include "clipq/model/resnet.h"

#include <ATen/ops/avg_pool2d.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/conv2d.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/relu.h>
#include <ATen/ops/scaled_dot_product_attention.h>
#include <gmock/gmock.h>

#include "clipq/core/error.h"
#include "clipq/model/resnet_tower.h"
#include "tiny_clip.h"

namespace clipq {
namespace {

using ::testing::HasSubstr;
using testing::max_difference;
using testing::tiny_resnet_config;

/// OpenAI's ModifiedResNet with BatchNorms folded, channels first, by PyTorch's own convolutions.
class Reference {
 public:
  explicit Reference(StateDict state) : state_(std::move(state)) {}

  at::Tensor embed(at::Tensor x, const ImageTowerConfig& config) const {
    x = at::relu(convolve("visual.conv1", x, 2));
    x = at::relu(convolve("visual.conv2", x));
    x = at::avg_pool2d(at::relu(convolve("visual.conv3", x)), 2);
    for (std::size_t stage = 0; stage < config.stages.blocks.size(); ++stage) {
      for (std::int64_t i = 0; i < config.stages.blocks[stage]; ++i) {
        x = bottleneck(cat("visual.layer", stage + 1, ".", i), x, stage > 0 && i == 0);
      }
    }
    return pool(x, config);
  }

 private:
  at::Tensor convolve(const std::string& name, const at::Tensor& x, std::int64_t stride = 1) const {
    const at::Tensor& weight = state_.at(name + ".weight");
    return at::conv2d(x, weight, state_.at(name + ".bias"), stride, weight.size(3) / 2);
  }

  at::Tensor bottleneck(const std::string& name, const at::Tensor& x, bool halves) const {
    const auto pooled = [halves](const at::Tensor& map) {
      return halves ? at::avg_pool2d(map, 2) : map;
    };
    at::Tensor y = at::relu(convolve(name + ".conv1", x));
    y = convolve(name + ".conv3", pooled(at::relu(convolve(name + ".conv2", y))));
    const bool has_downsample = state_.count(name + ".downsample.0.weight") > 0;
    return at::relu(y.add(has_downsample ? convolve(name + ".downsample.0", pooled(x)) : x));
  }

  at::Tensor pool(const at::Tensor& map, const ImageTowerConfig& config) const {
    at::Tensor x = map.flatten(2).permute({0, 2, 1});
    x = at::cat({x.mean(1, true), x}, 1).add(state_.at("visual.attnpool.positional_embedding"));
    const at::Tensor qkv = at::linear(x, state_.at("visual.attnpool.in_proj_weight"),
                                      state_.at("visual.attnpool.in_proj_bias"));
    const std::int64_t heads = config.settings.heads;
    const auto part = [&](std::int64_t index) {
      return qkv.narrow(2, index * config.width, config.width)
          .reshape({x.size(0), x.size(1), heads, -1})
          .transpose(1, 2);
    };
    const at::Tensor attended = at::scaled_dot_product_attention(part(0), part(1), part(2));
    return at::linear(attended.transpose(1, 2).flatten(2).select(1, 0),
                      state_.at("visual.attnpool.c_proj.weight"),
                      state_.at("visual.attnpool.c_proj.bias"));
  }

  StateDict state_;
};

TEST(ResNetTower, EmbedsAsPyTorchsConvolutionsDo) {
  const ClipConfig config = tiny_resnet_config();
  const ClipModel model = testing::tiny_resnet_clip();
  const at::Tensor pixels = testing::tiny_pixels(*config.image);
  const at::Tensor expected = Reference(testing::random_state(config)).embed(pixels, *config.image);
  EXPECT_LT(max_difference(model.encode_image(pixels), expected),
            1e-5 * expected.abs().max().item<double>());
}

TEST(ResNetTower, GivesTheMapAfterEachBlock) {
  const ClipModel model = testing::tiny_resnet_clip();
  const std::vector<at::Tensor> outputs =
      model.image->block_outputs(testing::tiny_pixels(*model.config().image));
  ASSERT_EQ(outputs.size(), 5U);
  EXPECT_EQ(outputs.front().sizes(), at::IntArrayRef({3, 256, 16}));
  EXPECT_EQ(outputs.back().sizes(), at::IntArrayRef({3, 4, 128}));
}

TEST(ResNetTower, ItsConfigIsToldByShapesAndKeptInJson) {
  const ClipConfig config = tiny_resnet_config();
  EXPECT_EQ(infer_config(testing::random_state(config), "file.pt"), config);
  EXPECT_EQ(config_from_json(to_json(config), "json"), config);
}

TEST(ResNetTower, WhoseSizesContradictEachOtherIsRefused) {
  const auto message = [](const char* key, const Json& value) -> std::string {
    Json json = to_json(tiny_resnet_config());
    json[key] = value;
    try {
      config_from_json(json, "m.pt");
    } catch (const InputError& failure) {
      return failure.what();
    }
    return "";
  };
  EXPECT_THAT(message("vision_stage_blocks", {1, 2, 1, 2}), HasSubstr("a ResNet of 5 blocks"));
  EXPECT_THAT(message("vision_stage_blocks", {1, 2}), HasSubstr("vision_stage_blocks"));
  EXPECT_THAT(message("vision_stem_width", 8), HasSubstr("expected 5 blocks"));
  EXPECT_THAT(message("image_resolution", 70), HasSubstr("expected a multiple of 32"));
}

TEST(ResNetTower, ItsPartsSayWhatPassesThem) {
  ClipModel model = testing::tiny_resnet_clip();
  std::map<std::string, std::int64_t> rows;
  for (const LinearPart& part : parts_of(model).linears) rows[part.name] = part.rows;
  EXPECT_EQ(rows["visual.conv1"], 32 * 32);
  EXPECT_EQ(rows["visual.layer1.0.conv2"], 16 * 16);
  EXPECT_EQ(rows["visual.layer2.0.conv2"], 16 * 16);
  EXPECT_EQ(rows["visual.layer2.0.conv3"], 8 * 8);
  EXPECT_EQ(rows["visual.layer2.0.downsample.0"], 8 * 8);
  EXPECT_EQ(rows["visual.layer4.0.conv3"], 2 * 2);
  EXPECT_EQ(rows["visual.attnpool.in_proj"], 5);
  EXPECT_EQ(rows["visual.attnpool.c_proj"], 1);
}

TEST(ConvolutionWindow, UnfoldsInTheOrderOfWeights) {
  const at::Tensor map = testing::random_normal({2, 5, 6, 3}, 1);
  const at::Tensor weight = testing::random_normal({4, 3, 3, 3}, 2);
  for (const std::int64_t stride : {1, 2}) {
    const ConvolutionWindow window = {3, stride};
    const at::Tensor expected = at::conv2d(map.permute({0, 3, 1, 2}), weight, {}, stride, 1);
    const at::Tensor products = at::linear(unfold(map, window), weight.flatten(1));
    EXPECT_LT(max_difference(products.permute({0, 3, 1, 2}), expected), 1e-5);
    const at::Tensor convolved = convolve(map, weight.flatten(1), {}, window);
    EXPECT_LT(max_difference(convolved.permute({0, 3, 1, 2}), expected), 1e-5);
  }
}

}  // namespace
}  // namespace clipq
