#include "clipq/model/size_parts.h"

#include <ATen/ops/zeros.h>
#include <gmock/gmock.h>

namespace clipq {
namespace {

using ::testing::ElementsAre;
using ::testing::Pair;

TEST(SizeParts, SumToTheFile) {
  const at::Tensor shared = at::zeros({10});
  const StateDict state = {
      {"visual.transformer.resblocks.0.mlp.c_fc.weight", at::zeros({4, 2}, at::kChar)},
      {"visual.conv1.weight", at::zeros({3})},
      {"visual.proj", at::zeros({2}, at::kHalf)},
      {"token_embedding.weight", shared},
      {"transformer.resblocks.0.ln_1.weight", at::zeros({5})},
      {"text_projection", at::zeros({1})},
      {"z_tied", shared},
      {"logit_scale", at::zeros({})},
  };
  EXPECT_THAT(
      size_parts(state, 200),
      ElementsAre(Pair("image blocks", 8), Pair("image rest", 16), Pair("token embedding", 40),
                  Pair("text blocks", 20), Pair("text rest", 8), Pair("archive", 108)));
}

}  // namespace
}  // namespace clipq
