#include "clipq/data/preprocess.h"

#include <gmock/gmock.h>

#include <vector>

#include "clipq/core/error.h"
#include "clipq/data/preprocess_json.h"
#include "data/data_files.h"

namespace clipq {
namespace {

using ::testing::ElementsAre;

/// A picture whose red is the column and whose green is the row.
Image ramp(int height, int width) {
  Image image{height, width, {}};
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      image.rgb.push_back(static_cast<std::uint8_t>(x));
      image.rgb.push_back(static_cast<std::uint8_t>(y));
      image.rgb.push_back(0);
    }
  }
  return image;
}

/// The middle of the picture, which needs no resizing if its short side is `size`.
Image cropped(const Image& image, int size, CropOffset offset = CropOffset::kHalfToEven) {
  Preprocess preprocess = {size};
  preprocess.crop_offset = offset;
  return resize_to_square(image, preprocess);
}

TEST(ResizeToSquare, RoundsTheOffsetHalfToEven) {
  // The short side is already right, so that nothing is resampled and red shows the offset.
  EXPECT_EQ(cropped(ramp(8, 9), 8).rgb[0], 0);    // 0.5 -> 0
  EXPECT_EQ(cropped(ramp(8, 11), 8).rgb[0], 2);   // 1.5 -> 2
  EXPECT_EQ(cropped(ramp(8, 13), 8).rgb[0], 2);   // 2.5 -> 2
  EXPECT_EQ(cropped(ramp(8, 15), 8).rgb[0], 4);   // 3.5 -> 4
  EXPECT_EQ(cropped(ramp(13, 8), 8).rgb[1], 2);   // of rows too
  EXPECT_EQ(cropped(ramp(8, 8), 8), ramp(8, 8));  // nothing to do
}

TEST(ResizeToSquare, RoundsTheOffsetDownWhereTheModelDoes) {
  const auto red = [](int width) { return cropped(ramp(8, width), 8, CropOffset::kFloor).rgb[0]; };
  EXPECT_EQ(red(9), 0);   // 0.5 -> 0
  EXPECT_EQ(red(11), 1);  // 1.5 -> 1
  EXPECT_EQ(red(13), 2);  // 2.5 -> 2
  EXPECT_EQ(red(15), 3);  // 3.5 -> 3
  EXPECT_EQ(cropped(ramp(11, 8), 8, CropOffset::kFloor).rgb[1], 1);
  // A photograph of 640 x 427: 335 columns at 224 rows, of which 111 are cut.
  EXPECT_EQ(cropped(ramp(224, 335), 224, CropOffset::kFloor).rgb[0], 55);
  EXPECT_EQ(cropped(ramp(224, 335), 224).rgb[0], 56);
}

TEST(PreprocessJson, HoldsEveryMember) {
  const Preprocess given = {8,
                            {0.1f, 0.2f, 0.3f},
                            {0.4f, 0.5f, 0.6f},
                            CropOffset::kFloor,
                            ResizeMode::kLongest,
                            Interpolation::kBilinear,
                            7};
  EXPECT_EQ(preprocess_from_json(to_json(given), "x"), given);
  EXPECT_EQ(preprocess_from_json(Json::object(), "x"), Preprocess{});
  const auto refusal = [](const Json& json) {
    return testing::message_of<UsageError>([&] { preprocess_from_json(json, "x.json"); });
  };
  EXPECT_THAT(refusal({{"crop_offset", "ceil"}}),
              ::testing::AllOf(::testing::HasSubstr("x.json: unknown crop_offset \"ceil\""),
                               ::testing::HasSubstr("half_to_even, floor")));
  EXPECT_THAT(refusal({{"interpolation", "lanczos"}}),
              ::testing::HasSubstr("unknown interpolation \"lanczos\""));
  EXPECT_THAT(refusal({{"resize_mode", "crop"}}),
              ::testing::HasSubstr("Known: shortest, squash, longest"));
}

TEST(Preprocess, ValuesThatGiveNoPixelsAreRefused) {
  EXPECT_NO_THROW(validate(Preprocess{}, "x"));
  Preprocess bright;
  bright.fill_color = 256;
  for (const Preprocess& wrong : {Preprocess{8, {0, 0, 0}, {0, 1, 1}}, Preprocess{0},
                                  Preprocess{8, {1e30F, 0, 0}, {1, 1, 1}}, bright}) {
    EXPECT_THROW(validate(wrong, "x"), InputError);
  }
}

TEST(ResizeToSquare, AlwaysGivesASquare) {
  for (const ResizeMode mode : {ResizeMode::kShortest, ResizeMode::kSquash, ResizeMode::kLongest}) {
    Preprocess preprocess = {16};
    preprocess.resize_mode = mode;
    for (const auto& [height, width] :
         {std::pair{1, 1}, {1, 300}, {300, 1}, {7, 5}, {33, 32}, {500, 375}}) {
      const Image image = resize_to_square(ramp(height, width), preprocess);
      EXPECT_EQ(image.height, 16);
      EXPECT_EQ(image.width, 16);
      EXPECT_EQ(image.rgb.size(), 16u * 16 * 3);
    }
  }
}

TEST(Normalize, WritesPlanesWithTorchvisionsValues) {
  const Image image{1, 2, {0, 128, 255, 255, 1, 77}};
  std::vector<float> out(6);
  normalize(image, Preprocess{}, out.data());
  // torchvision: Normalize(mean, std)(ToTensor()(image)).flatten().tolist(); equal to the last bit.
  EXPECT_THAT(out, ElementsAre(-1.7922625541687012f, 1.9303361177444458f, 0.16889731585979462f,
                               -1.7370892763137817f, 2.1458969116210938f, -0.38527464866638184f));
}

TEST(Preprocess, ResizesThenNormalizes) {
  Preprocess plain{4, {0.0f, 0.0f, 0.0f}, {1.0f, 1.0f, 1.0f}, CropOffset::kHalfToEven};
  std::vector<float> out(3 * 4 * 4, -1.0f);
  preprocess(Image{8, 12, std::vector<std::uint8_t>(8 * 12 * 3, 51)}, plain, out.data());
  EXPECT_THAT(out, ::testing::Each(0.2f));
}

}  // namespace
}  // namespace clipq
