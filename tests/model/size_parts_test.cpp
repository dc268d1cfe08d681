#include "clipq/model/size_parts.h"

#include <ATen/ops/zeros.h>
#include <gmock/gmock.h>

#include "tiny_clip.h"

namespace clipq {
namespace {

using ::testing::ElementsAre;
using ::testing::Pair;

TEST(SizeParts, SumToTheFile) {
  const at::Tensor shared = at::zeros({10});
  const StateDict state = {
      {"visual.transformer.resblocks.0.mlp.c_fc.weight", at::zeros({4, 2}, at::kChar)},
      {"visual.transformer.resblocks.1.attn.q_bmm_quantizer.scale", at::zeros({1})},
      {"transformer.resblocks.1.attn.in_proj_weight", at::zeros({2})},
      {"visual.conv1.weight", at::zeros({3})},
      {"visual.proj", at::zeros({2}, at::kHalf)},
      {"token_embedding.weight", shared},
      {"transformer.resblocks.0.ln_1.weight", at::zeros({5})},
      {"text_projection", at::zeros({1})},
      {"z_tied", shared},
      {"logit_scale", at::zeros({})},
  };
  ClipModel model = testing::tiny_clip();
  EXPECT_THAT(
      size_parts(parts_of(model), tensor_bytes(state), 200),
      ElementsAre(Pair("image blocks", 12), Pair("image rest", 16), Pair("token embedding", 40),
                  Pair("text blocks", 28), Pair("text rest", 8), Pair("archive", 96)));
}

}  // namespace
}  // namespace clipq
