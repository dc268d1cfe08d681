// Each of these needs those before it.
// clang-format off
#include <cstdio>
#include <jpeglib.h>
// clang-format on

#include <gmock/gmock.h>

#include <algorithm>
#include <cstdlib>
#include <random>

#include "clipq/core/error.h"
#include "clipq/data/preprocess.h"

namespace clipq {
namespace {

/// How a JPEG file is coded.
struct Coding {
  const char* name;
  int components;
  int horizontal;  ///< sampling of the first component; the others' is 1
  int vertical;
  bool progressive;
};

constexpr Coding kCodings[] = {{"4:4:4", 3, 1, 1, false},     {"4:2:2", 3, 2, 1, false},
                               {"4:4:0", 3, 1, 2, false},     {"4:2:0", 3, 2, 2, false},
                               {"4:1:1", 3, 4, 1, false},     {"4:1:0", 3, 4, 2, false},
                               {"grey", 1, 1, 1, false},      {"CMYK", 4, 1, 1, false},
                               {"progressive", 3, 2, 2, true}};

/// Noise, as a JPEG file: every pixel depends on its neighbours.
std::string jpeg_of_noise(int height, int width, const Coding& coding) {
  jpeg_compress_struct jpeg{};
  jpeg_error_mgr errors{};
  jpeg.err = jpeg_std_error(&errors);
  jpeg_create_compress(&jpeg);
  unsigned char* bytes = nullptr;
  unsigned long size = 0;
  jpeg_mem_dest(&jpeg, &bytes, &size);
  jpeg.image_height = static_cast<JDIMENSION>(height);
  jpeg.image_width = static_cast<JDIMENSION>(width);
  jpeg.input_components = coding.components;
  jpeg.in_color_space =
      coding.components == 1 ? JCS_GRAYSCALE : coding.components == 3 ? JCS_RGB : JCS_CMYK;
  jpeg_set_defaults(&jpeg);
  jpeg.comp_info[0].h_samp_factor = coding.horizontal;
  jpeg.comp_info[0].v_samp_factor = coding.vertical;
  if (coding.progressive) jpeg_simple_progression(&jpeg);
  jpeg_start_compress(&jpeg, TRUE);
  std::mt19937 random(7);
  std::vector<unsigned char> row(static_cast<std::size_t>(width * coding.components));
  while (jpeg.next_scanline < jpeg.image_height) {
    std::generate(row.begin(), row.end(), [&] { return static_cast<unsigned char>(random()); });
    JSAMPROW pointer = row.data();
    jpeg_write_scanlines(&jpeg, &pointer, 1);
  }
  jpeg_finish_compress(&jpeg);
  jpeg_destroy_compress(&jpeg);
  std::string file(reinterpret_cast<const char*>(bytes), size);
  std::free(bytes);
  return file;
}

Image decoded(const std::string& file, const NeededPixels& needed = {}) {
  return decode_image(std::as_bytes(std::span(file)), "noise.jpg", needed);
}

/// Of three samples a pixel, how many inside the window differ.
int differences(const Image& a, const Image& b, const Window& window) {
  int count = 0;
  for (int y = window.top; y < window.top + window.height; ++y) {
    const std::size_t first = (std::size_t(y) * a.width + window.left) * 3;
    for (std::size_t i = first; i < first + std::size_t(window.width) * 3; ++i) {
      count += a.rgb[i] == b.rgb[i] ? 0 : 1;
    }
  }
  return count;
}

TEST(PartialDecoding, GivesTheNeededPixelsOfEveryCoding) {
  constexpr int kHeight = 523;
  constexpr int kWidth = 611;
  for (const Coding& coding : kCodings) {
    const std::string file = jpeg_of_noise(kHeight, kWidth, coding);
    const Image whole = decoded(file);
    for (const Window& window :
         {Window{0, 200, kHeight, 211}, Window{200, 0, 101, kWidth}, Window{113, 117, 300, 301},
          Window{0, 0, 250, 250}, Window{kHeight - 250, kWidth - 250, 250, 250},
          Window{260, 300, 1, 1}, Window{0, 0, kHeight, kWidth}}) {
      const Image part = decoded(file, [&](int height, int width) {
        EXPECT_EQ(height, kHeight);
        EXPECT_EQ(width, kWidth);
        return window;
      });
      ASSERT_EQ(part.rgb.size(), whole.rgb.size());
      EXPECT_EQ(differences(part, whole, window), 0)
          << coding.name << ", from " << window.top << ", " << window.left;
    }
  }
}

TEST(PartialDecoding, LeavesOutWhatIsFarAway) {
  const std::string file = jpeg_of_noise(523, 611, kCodings[3]);
  const Image part = decoded(file, [](int, int) { return Window{200, 200, 100, 100}; });
  EXPECT_EQ(part.rgb.front(), 0);
  EXPECT_EQ(part.rgb[std::size_t{500} * 611 * 3], 0);
  EXPECT_GT(differences(part, decoded(file), {0, 0, 523, 611}), 523 * 611);
}

TEST(PartialDecoding, MakesTheSameInputs) {
  for (const auto& [height, width] : {std::pair{300, 700}, {700, 300}, {480, 640}, {400, 401}}) {
    const std::string file = jpeg_of_noise(height, width, kCodings[3]);
    for (const ResizeMode mode :
         {ResizeMode::kShortest, ResizeMode::kSquash, ResizeMode::kLongest}) {
      for (const int size : {32, 224, 336, 448}) {
        Preprocess small = {size};
        small.resize_mode = mode;
        Preprocess large = {size + 50};
        large.interpolation = Interpolation::kBilinear;
        const Image part = decoded(file, needed_by({small, large}));
        const Image whole = decoded(file);
        EXPECT_EQ(resize_to_square(part, small), resize_to_square(whole, small)) << size;
        EXPECT_EQ(resize_to_square(part, large), resize_to_square(whole, large)) << size;
      }
    }
  }
}

TEST(PartialDecoding, RefusesDamageOutsideTheNeededPixels) {
  const auto corner = [](int, int) { return Window{0, 0, 100, 100}; };
  for (const Coding& coding : {kCodings[3], kCodings[8]}) {
    std::string file = jpeg_of_noise(523, 611, coding);
    file.resize(file.size() - file.size() / 8);
    EXPECT_THROW(decoded(file), InputError) << coding.name;
    EXPECT_THROW(decoded(file, corner), InputError) << coding.name;
  }
}

TEST(PixelsNeeded, AreTheCropsWithWhatTheFilterReaches) {
  // 640 x 480 becomes 298 x 224, of which columns 37 to 260 are kept; two pixels of the resized
  // image, 4.3 of the picture, are within the filter's reach.
  EXPECT_EQ(pixels_needed(480, 640, {224}), (Window{0, 76, 480, 488}));
  EXPECT_EQ(pixels_needed(640, 480, {224}), (Window{76, 0, 488, 480}));
  Preprocess squash = {224};
  squash.resize_mode = ResizeMode::kSquash;
  EXPECT_EQ(pixels_needed(480, 640, squash), (Window{0, 0, 480, 640}));
}

}  // namespace
}  // namespace clipq
