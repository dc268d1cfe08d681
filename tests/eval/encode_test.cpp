#include "clipq/eval/encode.h"

#include <gmock/gmock.h>

#include "clipq/core/error.h"
#include "greys.h"
#include "temporary_folder.h"
#include "tiny_clip.h"

namespace clipq {
namespace {

using ::testing::AllOf;
using testing::any_tokenizer;
using ::testing::ElementsAre;
using testing::Greys;
using ::testing::HasSubstr;
using testing::max_difference;
using ::testing::ThrowsMessage;
using testing::tiny_clip;

EvaluatedModel evaluated(const ClipModel& model, const std::string& name) {
  return {&model, &any_tokenizer(), name, "weights of " + name};
}

ImageSource all_of(const Dataset& dataset) {
  return {dataset, dataset.size(), content_hash(dataset, dataset.size())};
}

TEST(Encoder, DecodesOnceForAllModels) {
  const ClipModel a = tiny_clip(1);
  const ClipModel b = tiny_clip(2);
  const Greys greys;
  const Encoder encoder({evaluated(a, "a"), evaluated(b, "b")}, {.batch_size = 4});
  const ImageFeatures features = encoder.images(all_of(greys));
  EXPECT_EQ(greys.decoded, 10);
  ASSERT_EQ(features.rows.size(), 2U);
  EXPECT_EQ(features.rows[0].sizes(), (std::vector<std::int64_t>{10, 32}));
  const Encoder alone({evaluated(b, "b")}, {.batch_size = 10});
  EXPECT_LT(max_difference(features.rows[1], alone.images(all_of(greys)).rows[0]), 1e-5);
}

TEST(Encoder, CachedModelsDontRunAndOthersDo) {
  const testing::TemporaryFolder folder;
  const ClipModel a = tiny_clip(1);
  const ClipModel b = tiny_clip(2);
  const Greys greys;
  EncodeOptions options;
  options.cache = FeatureCache(folder.path());
  const auto rows = [&](const ClipModel& model, const std::string& name, std::int64_t count) {
    const int before = greys.decoded;
    const at::Tensor features = Encoder({evaluated(model, name)}, options)
                                    .images({greys, count, content_hash(greys, count)})
                                    .rows[0];
    return std::make_pair(features, greys.decoded - before);
  };
  const at::Tensor first = rows(a, "a", 10).first;
  const auto [again, decoded] = rows(a, "a", 10);
  EXPECT_EQ(decoded, 0);
  EXPECT_TRUE(again.equal(first));
  EXPECT_EQ(rows(b, "b", 10).second, 10);
  EXPECT_EQ(rows(a, "a", 5).second, 5);
  ClipModel other = a;
  other.preprocess.mean[1] += 0.25f;
  EXPECT_EQ(rows(other, "a", 10).second, 10);
  other = a;
  other.preprocess.crop_offset = CropOffset::kFloor;
  EXPECT_EQ(rows(other, "a", 10).second, 10);
  other = a;
  TowerSettings settings = a.image->config().settings;
  settings.activation = Activation::kGelu;
  other = with_settings(a, Tower::kImage, settings);
  EXPECT_EQ(rows(other, "a", 10).second, 10);
}

TEST(Encoder, ThePooledFeaturesAreOthers) {
  const testing::TemporaryFolder folder;
  const ClipModel model = tiny_clip();
  const Greys greys;
  EncodeOptions options;
  options.cache = FeatureCache(folder.path());
  const Encoder encoder({evaluated(model, "a")}, options);
  const at::Tensor embeddings = encoder.images(all_of(greys)).rows[0];
  const at::Tensor pooled = encoder.images(all_of(greys), ImageFeature::kPooled).rows[0];
  EXPECT_EQ(pooled.size(1), 64);
  EXPECT_LT(max_difference(testing::image_tower(model).projection->forward(pooled), embeddings),
            1e-6);
}

TEST(Encoder, NamesAllPicturesThatCannotBeDecoded) {
  const ClipModel model = tiny_clip();
  const Greys greys({2, 7, 8});
  const Encoder encoder({evaluated(model, "a")}, {.batch_size = 4, .skip_bad = 2});
  EXPECT_THAT(
      [&] { encoder.images(all_of(greys)); },
      ThrowsMessage<InputError>(AllOf(HasSubstr("3 of 10 images can't be decoded (2 allowed)"),
                                      HasSubstr("grey2.png, grey7.png, grey8.png"),
                                      HasSubstr("the first: grey2.png is truncated"),
                                      HasSubstr("fix or remove them"))));
}

TEST(Encoder, LeavesOutAllowedBadPicturesAndCachesNothingThen) {
  const testing::TemporaryFolder folder;
  const ClipModel model = tiny_clip();
  const Greys greys({2, 7, 8});
  EncodeOptions options = {.batch_size = 4, .skip_bad = 3};
  options.cache = FeatureCache(folder.path());
  const Encoder encoder({evaluated(model, "a")}, options);
  const ImageFeatures features = encoder.images(all_of(greys));
  EXPECT_THAT(features.items, ElementsAre(0, 1, 3, 4, 5, 6, 9));
  EXPECT_THAT(features.skipped, ElementsAre("grey2.png", "grey7.png", "grey8.png"));
  const at::Tensor whole = Encoder({evaluated(model, "a")}, {}).images(all_of(Greys())).rows[0];
  EXPECT_LT(max_difference(features.rows[0][2], whole[3]), 1e-5);
  EXPECT_LT(max_difference(features.rows[0][6], whole[9]), 1e-5);
  const int before = greys.decoded;
  encoder.images(all_of(greys));
  EXPECT_EQ(greys.decoded - before, 10);
}

TEST(Encoder, EmbedsEachDistinctTextOnceAndInItsPlace) {
  const Tokenizer tokenizer = Tokenizer::from_merges("#version\nr e\nre d</w>\n", "merges");
  ClipConfig config = testing::tiny_config();
  config.text->vocab_size = tokenizer.vocabulary_size();
  Preprocess preprocess;
  preprocess.size = static_cast<int>(config.image->resolution);
  const ClipModel model = build_model(config, preprocess, testing::random_state(config), "tiny");
  const Encoder encoder({{&model, &tokenizer, "a", "a"}}, {.batch_size = 2});
  const std::vector<std::string> texts = {"red red", "a", "a red one", "red  red", "", "a", "zz"};
  const at::Tensor rows = encoder.texts(texts)[0];
  for (std::size_t i = 0; i < texts.size(); ++i) {
    const at::Tensor alone = model.encode_text(tokens_of({texts[i]}, tokenizer, *config.text));
    EXPECT_LT(max_difference(rows[static_cast<std::int64_t>(i)], alone[0]), 2e-6) << texts[i];
  }
  EXPECT_TRUE(rows[1].equal(rows[5]));
  EXPECT_TRUE(rows[0].equal(rows[3]));
}

TEST(Encoder, NothingButBadPicturesIsAnError) {
  const ClipModel model = tiny_clip();
  const Greys greys({0, 1, 2, 3, 4, 5, 6, 7, 8, 9});
  const Encoder encoder({evaluated(model, "a")}, {.skip_bad = 10});
  EXPECT_THAT([&] { encoder.images(all_of(greys)); },
              ThrowsMessage<InputError>(HasSubstr("no image is left")));
}

}  // namespace
}  // namespace clipq
