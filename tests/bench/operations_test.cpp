#include "clipq/bench/operations.h"

#include <ATen/ops/full.h>
#include <gmock/gmock.h>

#include "clipq/bench/gemm_peak.h"
#include "clipq/bench/latency.h"
#include "clipq/bench/profile_model.h"
#include "clipq/core/error.h"
#include "tiny_clip.h"

namespace clipq {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Key;
using ::testing::Not;

TEST(Operations, OfImagesCountTheLastBlockForThePooledTokenOnly) {
  // tiny_config(): 4 patches of 192 values, 5 tokens of width 64, 2 blocks, embeddings of 32.
  const std::int64_t patches = 4 * 192 * 64;
  const std::int64_t whole_block = 5 * 12 * 64 * 64 + 2 * 5 * 5 * 64;
  const std::int64_t last_block = 5 * 2 * 64 * 64 + 10 * 64 * 64 + 2 * 5 * 64;
  const std::int64_t item = patches + whole_block + last_block + 64 * 32;
  EXPECT_EQ(image_operations(testing::tiny_clip(), 3), 2 * 3 * item);
}

TEST(Operations, OfImagesPooledByAttentionCountEveryToken) {
  const ClipConfig config = testing::tiny_siglip_config();
  const ClipModel model = build_model(config, {}, testing::random_state(config), "tiny");
  const std::int64_t patches = 4 * 192 * 64;
  const std::int64_t block = 4 * 12 * 64 * 64 + 2 * 4 * 4 * 64;
  const std::int64_t pool = 4 * 2 * 64 * 64 + 9 * 64 * 64;
  EXPECT_EQ(image_operations(model, 3), 2 * 3 * (patches + 2 * block + pool));
}

TEST(Operations, OfAResNetCountEachMapsPositions) {
  // tiny_resnet_config(): a stem of 2, 2 and 4 channels, stages of 1, 2, 1 and 1 blocks.
  const std::int64_t stem = 1024 * 9 * (3 * 2 + 2 * 2 + 2 * 4);
  const std::int64_t first = 256 * (4 * 4 + 9 * 4 * 4 + 4 * 16 + 4 * 16);
  const auto halving = [](std::int64_t in, std::int64_t channels, std::int64_t positions) {
    return positions * (in * channels + 9 * channels * channels) +
           positions / 4 * (4 * channels * channels + in * 4 * channels);
  };
  const std::int64_t second = 64 * (32 * 8 + 9 * 8 * 8 + 8 * 32);
  const std::int64_t stages =
      first + halving(16, 8, 256) + second + halving(32, 16, 64) + halving(64, 32, 16);
  // Five tokens of width 128: keys and values of all, the query of one.
  const std::int64_t pool = (2 * 5 + 1) * 128 * 128 + 2 * 5 * 128 + 128 * 32;
  EXPECT_EQ(image_operations(testing::tiny_resnet_clip(), 3), 2 * 3 * (stem + stages + pool));
}

TEST(Operations, OfTextsEndWithTheLongest) {
  const ClipModel model = testing::tiny_clip();
  at::Tensor tokens = at::full({2, 12}, 1, at::kLong);
  tokens[0][3] = 39;
  tokens[1][5] = 39;
  const std::int64_t whole_block = 6 * 12 * 64 * 64 + 2 * 6 * 6 * 64;
  const std::int64_t last_block = 6 * 2 * 64 * 64 + 10 * 64 * 64 + 2 * 6 * 64;
  EXPECT_EQ(text_operations(model, tokens), 2 * 2 * (whole_block + last_block + 64 * 32));
}

TEST(GemmPeak, IsMeasured) {
  const GemmPeak peak = measure_gemm_peak();
  EXPECT_GT(peak.int8_gops, 0);
  EXPECT_GT(peak.float32_gops, 0);
  EXPECT_FALSE(peak.int8_kernels.empty());
  EXPECT_FALSE(peak.fp8_kernels.empty());
  EXPECT_EQ(peak.of(""), peak.float32_gops);
  EXPECT_EQ(peak.of("portable"), peak.int8_gops);
  EXPECT_EQ(peak.of("float32 (7), portable (1)"), peak.float32_gops);
  // Without bfloat16 they are float32 kernels, than which LibTorch's may be faster.
  EXPECT_GE(peak.of(peak.fp8_kernels), peak.fp8_gops);
}

TEST(TimedTask, IsForImagesTextsAndPrompts) {
  const ClipModel model = testing::tiny_clip();
  const TimedModel timed = {&model, {}};
  EXPECT_EQ(timed_task(timed, "image", 2).operations, image_operations(model, 2));
  timed_task(timed, "text", 1).run();
  EXPECT_THROW(timed_task(timed, "text_prompts", 1), UsageError);
  EXPECT_THROW(timed_task(timed, "sound", 1), UsageError);
}

TEST(Profiled, GivesTheSameEmbeddingsAndTimesEveryLinear) {
  const ClipModel model = testing::tiny_clip();
  const auto profile = std::make_shared<LayerProfile>();
  const ClipModel timed = profiled(model, profile);
  EXPECT_TRUE(
      timed.encode_image(testing::tiny_pixels()).equal(model.encode_image(testing::tiny_pixels())));
  const std::map<std::string, double> seconds = profile->seconds();
  EXPECT_THAT(seconds, Contains(Key("visual.conv1")));
  EXPECT_THAT(seconds, Contains(Key("visual.transformer.resblocks.1.mlp.c_proj")));
  EXPECT_THAT(seconds, Not(Contains(Key(HasSubstr("token_embedding")))));
}

}  // namespace
}  // namespace clipq
