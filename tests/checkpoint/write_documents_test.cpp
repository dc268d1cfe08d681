#include <gmock/gmock.h>

#include "clipq/checkpoint/checkpoint.h"
#include "clipq/checkpoint/write_hugging_face.h"
#include "clipq/checkpoint/write_open_clip.h"
#include "clipq/core/error.h"
#include "tiny_clip.h"

namespace clipq {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::random_state;
using testing::tiny_config;
using testing::tiny_siglip_config;
using testing::tower_alone;

/// What nobody assumes.
ClipConfig unusual_config() {
  ClipConfig config = tiny_config();
  config.image->resolution = 18;
  config.image->settings = {.heads = 4, .activation = Activation::kGelu, .layer_norm_eps = 1e-4};
  config.text->settings = {.heads = 2, .activation = Activation::kGeluTanh, .layer_norm_eps = 1e-3};
  config.text->pooling = TextPooling::kFirstEnd;
  config.text->end_id = 7;
  return config;
}

Preprocess preprocess_of(ResizeMode mode) {
  return {.size = 18,
          .mean = {0.1F, 0.2F, 0.3F},
          .std = {0.4F, 0.5F, 0.6F},
          .crop_offset = CropOffset::kFloor,
          .resize_mode = mode,
          .interpolation = Interpolation::kBilinear};
}

/// What clipq reads of a checkpoint with these documents.
Checkpoint loaded(const ClipConfig& config, std::map<std::string, std::string> documents) {
  CheckpointContents contents;
  contents.container = "safetensors";
  contents.tensors = random_state(config);
  contents.documents = std::move(documents);
  CheckpointOptions options;
  options.parity = ParityMode::kSkip;
  return load_checkpoint(std::move(contents), "written", options);
}

TEST(WriteHuggingFace, IsReadBackAsWritten) {
  const ClipConfig config = unusual_config();
  for (const ResizeMode mode : {ResizeMode::kShortest, ResizeMode::kSquash}) {
    const Preprocess preprocess = preprocess_of(mode);
    const WrittenDocument images = hugging_face_preprocessor(preprocess);
    EXPECT_THAT(images.inexpressible, IsEmpty());
    const Checkpoint checkpoint =
        loaded(config, {{"config.json", hugging_face_config(config, nullptr).json.dump()},
                        {"preprocessor_config.json", images.json.dump()}});
    EXPECT_EQ(checkpoint.model.config(), config);
    EXPECT_EQ(checkpoint.model.preprocess, preprocess);
  }
}

TEST(WriteHuggingFace, TowersAloneAreReadBackAsWritten) {
  for (const Tower tower : kTowers) {
    const ClipConfig config = tower_alone(unusual_config(), tower);
    const Json json = hugging_face_config(config, nullptr).json;
    EXPECT_EQ(json.at("architectures").at(0), tower == Tower::kImage
                                                  ? "CLIPVisionModelWithProjection"
                                                  : "CLIPTextModelWithProjection");
    EXPECT_EQ(loaded(config, {{"config.json", json.dump()}}).model.config(), config);
  }
}

TEST(WriteHuggingFace, TheEndOfTextsSaysHowTheyArePooled) {
  ClipConfig config = tiny_config();
  const auto end = [&config](const TokenFrame* frame) {
    return hugging_face_config(config, frame).json.at("text_config").at("eos_token_id");
  };
  const TokenFrame last = {.start = 38, .end = 39};
  const TokenFrame other = {.start = 0, .end = 1};
  EXPECT_EQ(end(nullptr), 39);
  EXPECT_EQ(end(&last), 39);
  EXPECT_EQ(end(&other), 2);
  config.text->pooling = TextPooling::kFirstEnd;
  config.text->end_id = 9;
  EXPECT_EQ(end(&last), 9);
  config.text->end_id = 2;
  EXPECT_THROW(end(&last), UsageError);
}

TEST(WriteHuggingFace, HasTheKeysOfSiglip) {
  const TokenFrame frame = {.start = {}, .end = 1, .pad = 1};
  const Json json = hugging_face_config(tiny_siglip_config(), &frame).json;
  EXPECT_EQ(json.at("model_type"), "siglip");
  EXPECT_FALSE(json.contains("projection_dim"));
  const Json& text = json.at("text_config");
  EXPECT_EQ(text.at("projection_size"), 64);
  EXPECT_EQ(text.at("hidden_act"), "quick_gelu");
  EXPECT_EQ(text.at("eos_token_id"), 1);
  EXPECT_TRUE(text.at("bos_token_id").is_null());
  EXPECT_FALSE(json.at("vision_config").contains("projection_dim"));
}

TEST(WriteHuggingFace, OtherModelsAreErrors) {
  const auto message_of = [](const ClipConfig& config) -> std::string {
    try {
      hugging_face_config(config, nullptr);
    } catch (const UsageError& failure) {
      return failure.what();
    }
    return "no UsageError";
  };
  ClipConfig config = tiny_config();
  config.text->causal = false;
  EXPECT_THAT(message_of(config), HasSubstr("neither a CLIPModel nor a SiglipModel"));
  config = tiny_siglip_config();
  config.text->pooling = TextPooling::kLargestId;
  config.text->causal = true;
  EXPECT_THAT(message_of(config), HasSubstr("an image tower that is a ViT pooled by attention"));
  config = tiny_config();
  config.text->projection_bias = true;
  EXPECT_THAT(message_of(config), HasSubstr("a projection of texts with a bias"));
  EXPECT_THROW(hugging_face_preprocessor(preprocess_of(ResizeMode::kLongest)), UsageError);
}

TEST(WriteHuggingFace, SaysThatCropsBeginElsewhere) {
  Preprocess preprocess;
  EXPECT_THAT(hugging_face_preprocessor(preprocess).inexpressible,
              ElementsAre(HasSubstr("round down")));
  preprocess.resize_mode = ResizeMode::kSquash;
  EXPECT_THAT(hugging_face_preprocessor(preprocess).inexpressible, IsEmpty());
}

TEST(WriteOpenClip, IsReadBackAsWritten) {
  for (const ResizeMode mode : {ResizeMode::kShortest, ResizeMode::kSquash}) {
    Preprocess preprocess = preprocess_of(mode);
    preprocess.crop_offset = CropOffset::kHalfToEven;  // as open_clip's
    const WrittenDocument model = open_clip_config(unusual_config());
    EXPECT_THAT(model.inexpressible, IsEmpty());
    const Json whole = {{"model_cfg", model.json},
                        {"preprocess_cfg", immich_preprocess(preprocess).json}};
    const Checkpoint checkpoint =
        loaded(unusual_config(), {{"open_clip_config.json", whole.dump()}});
    EXPECT_EQ(checkpoint.model.config(), unusual_config());
    EXPECT_EQ(checkpoint.model.preprocess, preprocess);
  }
}

TEST(WriteOpenClip, HasOneQuickGeluForBothTowers) {
  ClipConfig config = tiny_config();
  EXPECT_EQ(open_clip_config(config).json.at("quick_gelu"), true);
  EXPECT_THAT(open_clip_config(config).inexpressible, IsEmpty());
  config.text->settings.activation = Activation::kGelu;
  EXPECT_THAT(open_clip_config(config).inexpressible, ElementsAre(HasSubstr("QuickGELU")));
  config = tower_alone(config, Tower::kText);
  EXPECT_FALSE(open_clip_config(config).json.contains("quick_gelu"));
  EXPECT_FALSE(open_clip_config(config).json.contains("vision_cfg"));
}

TEST(WriteOpenClip, NamesSiglipsTowers) {
  ClipConfig config = tiny_siglip_config();
  EXPECT_THAT(open_clip_config(config).inexpressible, ElementsAre(HasSubstr("these sizes")));
  ImageTowerConfig& image = *config.image;
  image.width = image.embed_dim = config.text->embed_dim = 768;
  image.layers = 12;
  image.patch_size = 16;
  image.resolution = 256;
  image.settings = {.heads = 12, .activation = Activation::kGelu, .layer_norm_eps = 1e-6};
  config.text->settings.activation = Activation::kGelu;
  const WrittenDocument written = open_clip_config(config);
  EXPECT_THAT(written.inexpressible, IsEmpty());
  EXPECT_EQ(written.json.at("vision_cfg").at("timm_model_name"), "vit_base_patch16_siglip_256");
  EXPECT_EQ(written.json.at("text_cfg").at("pool_type"), "last");
  EXPECT_EQ(written.json.at("text_cfg").at("no_causal_mask"), true);
  image.settings.activation = Activation::kGeluTanh;
  EXPECT_THAT(open_clip_config(config).inexpressible, ElementsAre(HasSubstr("activation")));
}

TEST(WriteOpenClip, ImmichDoesntPad) {
  EXPECT_THROW(immich_preprocess(preprocess_of(ResizeMode::kLongest)), UsageError);
  EXPECT_THAT(immich_preprocess(Preprocess()).inexpressible, ElementsAre(HasSubstr("Immich")));
  const Json json = immich_preprocess(preprocess_of(ResizeMode::kSquash)).json;
  EXPECT_EQ(json.at("resize_mode"), "squash");
  EXPECT_EQ(json.at("size"), Json({18, 18}));
}

}  // namespace
}  // namespace clipq
