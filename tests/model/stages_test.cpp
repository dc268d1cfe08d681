#include <ATen/ops/equal.h>
#include <gtest/gtest.h>

#include "tiny_clip.h"

namespace clipq {
namespace {

struct Kind {
  const char* name;
  ClipConfig config;
};

class Stages : public ::testing::TestWithParam<Kind> {
 protected:
  const ClipModel model_ = testing::random_clip(GetParam().config);

  at::Tensor input(Tower tower) const {
    if (tower == Tower::kText) return testing::tiny_tokens();
    return testing::tiny_pixels(model_.image->config());
  }
};

TEST_P(Stages, MakeWhatEncodeMakes) {
  for (const Tower tower : kTowers) {
    const TowerNetwork& network = model_.tower(tower);
    const StagedBatch start = network.start(input(tower));
    const at::Tensor expected = network.encode(input(tower));
    EXPECT_TRUE(at::equal(network.advance(start, network.stages()).x, expected));
    for (std::int64_t stage = 0; stage <= network.stages(); ++stage) {
      const StagedBatch before = network.advance(start, stage);
      const at::Tensor copy = before.x.clone();
      EXPECT_TRUE(at::equal(model_.finish(tower, before), model_.encode(tower, input(tower))));
      EXPECT_TRUE(at::equal(before.x, copy)) << "stage " << stage << " changes what it is given";
    }
  }
}

TEST_P(Stages, PoolWhatTheImageTowerPools) {
  const at::Tensor pixels = input(Tower::kImage);
  const ImageTower& tower = *model_.image;
  const at::Tensor pooled = tower.advance(tower.start(pixels), tower.pooling_stage() + 1).x;
  EXPECT_TRUE(at::equal(pooled, tower.pool(pixels)));
}

TEST_P(Stages, HaveAllBlocks) {
  for (const Tower tower : kTowers) {
    const TowerNetwork& network = model_.tower(tower);
    const std::vector<at::Tensor> outputs = network.block_outputs(input(tower));
    ASSERT_EQ(static_cast<std::int64_t>(outputs.size()) + 1, network.pooling_stage());
    const at::Tensor x = network.advance(network.start(input(tower)), 2).x.flatten(1, -2);
    const at::Tensor first = outputs.front().narrow(1, 0, x.size(1));
    // Texts are shortened here, which changes the order of sums.
    EXPECT_LT(testing::max_difference(x, first), 1e-5);
  }
}

TEST_P(Stages, ComputeThePartsThatSayThatTheyAreTheirs) {
  ClipModel model = model_;
  for (const LinearPart& part : parts_of(model).linears) {
    const TowerNetwork& network = model.tower(part.tower);
    const std::shared_ptr<const Linear> layer = *part.layer;
    const LinearContents contents = layer->contents().value();
    const StagedBatch before = network.advance(network.start(input(part.tower)), part.stage);
    const at::Tensor expected = network.advance(before, part.stage + 1).x;
    *part.layer = std::make_shared<FloatLinear>(contents.weight.mul(2), contents.bias);
    EXPECT_TRUE(
        at::equal(network.advance(network.start(input(part.tower)), part.stage).x, before.x))
        << part.name << " is computed before its stage";
    EXPECT_FALSE(at::equal(network.advance(before, part.stage + 1).x, expected))
        << part.name << " isn't computed in its stage";
    *part.layer = layer;
  }
}

INSTANTIATE_TEST_SUITE_P(Kinds, Stages,
                         ::testing::Values(Kind{"ViT", testing::tiny_config()},
                                           Kind{"SigLIP", testing::tiny_siglip_config()},
                                           Kind{"ResNet", testing::tiny_resnet_config()}),
                         [](const auto& test) { return test.param.name; });

}  // namespace
}  // namespace clipq
