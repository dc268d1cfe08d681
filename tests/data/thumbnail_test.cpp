#include "clipq/data/thumbnail.h"

#include <gtest/gtest.h>

#include "clipq/core/files.h"
#include "temporary_folder.h"

namespace clipq {
namespace {

Image red(int height, int width) {
  Image image{height, width,
              std::vector<std::uint8_t>(static_cast<std::size_t>(height) * width * 3)};
  for (std::size_t i = 0; i < image.rgb.size(); i += 3) image.rgb[i] = 255;
  return image;
}

Image thumbnail_of(const Image& image, int side) {
  const testing::TemporaryFolder folder;
  write_file(folder.path() / "thumbnail.jpg", jpeg_thumbnail(image, side));
  return decode_image(folder.path() / "thumbnail.jpg");
}

TEST(JpegThumbnail, FitsTheSideAndKeepsColours) {
  const Image small = thumbnail_of(red(200, 400), 96);
  EXPECT_EQ(small.height, 48);
  EXPECT_EQ(small.width, 96);
  EXPECT_GT(small.rgb[0], 245);
  EXPECT_LT(small.rgb[2], 10);
}

TEST(JpegThumbnail, DoesNotEnlarge) {
  EXPECT_EQ(thumbnail_of(red(32, 32), 96).width, 32);
  EXPECT_EQ(thumbnail_of(red(1, 1000), 96).height, 1);
}

}  // namespace
}  // namespace clipq
