#include "clipq/data/image.h"
#include "clipq/data/resize.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>

#include "clipq/core/error.h"
#include "clipq/core/json.h"
#include "clipq/core/sha256.h"
#include "clipq/data/preprocess.h"
#include "clipq/data/preprocess_json.h"
#include "data/data_files.h"
#include "temporary_folder.h"

namespace clipq {
namespace {

using ::testing::AllOf;
using testing::golden_image;
using ::testing::HasSubstr;
using testing::message_of;

/// The largest difference between the picture and Pillow's bytes; 256 if the sizes differ.
int difference(const Image& image, const std::filesystem::path& expected_file) {
  const std::string expected = read_file(expected_file);
  if (expected.size() != image.rgb.size()) return 256;
  int largest = 0;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    largest = std::max(largest, std::abs(int(image.rgb[i]) - std::uint8_t(expected[i])));
  }
  return largest;
}

TEST(ImageGolden, DecodesAndResizesLikePillow) {
  const Json index = read_json(golden_image("index.json"));
  ASSERT_GE(index.size(), 20u);
  for (const Json& row : index) {
    const auto name = row["file"].get<std::string>();
    SCOPED_TRACE(name);
    // A JPEG may differ by one level: the two libjpeg-turbo releases may round differently.
    const int tolerance = row["exact"].get<bool>() ? 0 : 1;
    const Image image = decode_image(golden_image(name));
    EXPECT_EQ(image.height, row["height"].get<int>());
    EXPECT_EQ(image.width, row["width"].get<int>());
    EXPECT_LE(difference(image, golden_image(name + ".decoded.rgb")), tolerance);
    const int size = row["size"].get<int>();
    const Image cropped = resize_to_square(image, {size});
    EXPECT_LE(difference(cropped, golden_image(cat(name, ".", size, ".rgb"))), tolerance);
  }
}

TEST(ImageGolden, MakesSquaresInEveryWayLikePillow) {
  std::size_t squares = 0;
  for (const Json& row : read_json(golden_image("index.json"))) {
    const Image image = decode_image(golden_image(row["file"].get<std::string>()));
    for (const Json& square : row["squares"]) {
      const auto file = square["file"].get<std::string>();
      const Image made = resize_to_square(image, preprocess_from_json(square["preprocess"], file));
      EXPECT_EQ(difference(made, golden_image(file)), 0) << file;
      ++squares;
    }
  }
  EXPECT_GE(squares, 60u);
}

/// Bytes of a linear congruential generator, as make_resize_golden.py has them.
Image noise(int height, int width) {
  Image image = {height, width, std::vector<std::uint8_t>(std::size_t(height) * width * 3)};
  auto state = static_cast<std::uint32_t>(height * 65537 + width);
  for (std::uint8_t& value : image.rgb) {
    state = state * 1664525U + 1013904223U;
    value = static_cast<std::uint8_t>(state >> 24U);
  }
  return image;
}

std::string digest(const Image& image) {
  return sha256_of(std::string(image.rgb.begin(), image.rgb.end()));
}

TEST(ImageGolden, ResizesNoiseOfManySizesLikePillow) {
  const Json rows = read_json(std::filesystem::path(CLIPQ_TEST_DATA) / "resizes.json");
  ASSERT_GE(rows.size(), 80u);
  for (const Json& row : rows) {
    const auto interpolation =
        row["interpolation"] == "bicubic" ? Interpolation::kBicubic : Interpolation::kBilinear;
    const Image picture = noise(row["from"][0], row["from"][1]);
    const int height = row["to"][0];
    const int width = row["to"][1];
    const Window corner = {height / 2, width / 2, height - height / 2, width - width / 2};
    EXPECT_EQ(digest(resize(picture, height, width, interpolation)), row["sha256"]) << row.dump();
    EXPECT_EQ(digest(resize(picture, height, width, interpolation, corner)), row["corner_sha256"])
        << row.dump();
  }
}

TEST(DecodeImage, RefusesAMissingAndAnEmptyFile) {
  testing::TemporaryFolder folder;
  EXPECT_THAT(message_of<InputError>([&] { decode_image(folder / "none.png"); }),
              HasSubstr("none.png does not exist"));
  write_file(folder / "empty.jpg", "");
  EXPECT_THAT(message_of<InputError>([&] { decode_image(folder / "empty.jpg"); }),
              HasSubstr("empty.jpg is empty"));
}

TEST(DecodeImage, RefusesWhatIsNotAPicture) {
  testing::TemporaryFolder folder;
  write_file(folder / "text.jpg", "no picture at all");
  EXPECT_THAT(message_of<InputError>([&] { decode_image(folder / "text.jpg"); }),
              AllOf(HasSubstr("text.jpg cannot be decoded"), HasSubstr("17 bytes")));
}

/// Every cut of the picture that takes more than `spare` bytes must be refused, wherever it is, and
/// without a word on stderr.
void expect_all_cuts_refused(const std::string& name, std::size_t step, std::size_t spare = 0) {
  testing::TemporaryFolder folder;
  const std::string whole = read_file(golden_image(name));
  ::testing::internal::CaptureStderr();
  for (std::size_t length = 1; length + spare < whole.size(); length += step) {
    std::ofstream(folder / name, std::ios::binary) << whole.substr(0, length);
    EXPECT_THAT(message_of<InputError>([&] { decode_image(folder / name); }), HasSubstr(name))
        << length << " of " << whole.size() << " bytes";
  }
  EXPECT_EQ(::testing::internal::GetCapturedStderr(), "");
}

TEST(DecodeImage, RefusesTruncatedJpegs) {
  expect_all_cuts_refused("colour.jpg", 7);
  expect_all_cuts_refused("progressive.jpg", 7);
}

constexpr std::size_t kEndChunk = 12;

TEST(DecodeImage, RefusesTruncatedPngs) { expect_all_cuts_refused("upscale.png", 1, kEndChunk); }

TEST(DecodeImage, RefusesTruncatedFilesOfOtherFormats) {
  expect_all_cuts_refused("interlaced.gif", 3, 2);    // an end of data, and the trailer
  expect_all_cuts_refused("animated.webp", 53, 400);  // only the first frame counts
  expect_all_cuts_refused("alpha.tif", 53);
}

TEST(DecodeImage, APngNeedsNothingBehindItsPixels) {
  testing::TemporaryFolder folder;
  const std::string whole = read_file(golden_image("upscale.png"));
  const Image expected = decode_image(golden_image("upscale.png"));
  for (std::size_t left = 0; left <= kEndChunk; ++left) {
    std::ofstream(folder / "cut.png", std::ios::binary)
        << whole.substr(0, whole.size() - kEndChunk + left);
    EXPECT_EQ(decode_image(folder / "cut.png"), expected) << left;
  }
}

TEST(DecodeImage, NamesWhatItDoesNotRead) {
  testing::TemporaryFolder folder;
  const auto message = [&](const std::string& bytes) {
    write_file(folder / "x.jpg", bytes);
    return message_of<InputError>([&] { decode_image(folder / "x.jpg"); });
  };
  EXPECT_THAT(message(std::string("\0\0\0\x18", 4) + "ftypheic" + std::string(20, '\0')),
              HasSubstr("x.jpg is a HEIC image, which clipq doesn't support; convert it to JPEG"));
  EXPECT_THAT(message(std::string("\0\0\0\x1c", 4) + "ftypavif" + std::string(20, '\0')),
              HasSubstr("is an AVIF image"));
  EXPECT_THAT(message("\n <!DOCTYPE html><html>404</html>"), HasSubstr("is a web page"));
  EXPECT_THAT(message("version https://git-lfs.github.com/spec/v1\noid sha256:0\n"),
              HasSubstr("is a Git LFS pointer"));
}

TEST(DecodeImage, RefusesAPngWithAFlippedBit) {
  testing::TemporaryFolder folder;
  std::string bytes = read_file(golden_image("downscale.png"));
  bytes[bytes.size() / 2] ^= 1;
  write_file(folder / "flipped.png", bytes);
  EXPECT_THAT(message_of<InputError>([&] { decode_image(folder / "flipped.png"); }),
              HasSubstr("checksum of its IDAT chunk"));
}

TEST(DecodeImage, RefusesAJpegWithDamagedData) {
  testing::TemporaryFolder folder;
  std::string bytes = read_file(golden_image("colour.jpg"));
  for (std::size_t i = bytes.size() / 2; i < bytes.size() / 2 + 40; ++i) bytes[i] = '\x5a';
  bytes.erase(bytes.size() - 300, 290);
  write_file(folder / "damaged.jpg", bytes);
  EXPECT_THAT(message_of<InputError>([&] { decode_image(folder / "damaged.jpg"); }),
              HasSubstr("damaged.jpg is a damaged or truncated JPEG"));
}

TEST(DecodeImage, RefusesASizeThatWouldExhaustMemory) {
  testing::TemporaryFolder folder;
  std::string bytes = read_file(golden_image("colour.jpg"));
  const std::size_t frame = bytes.find("\xFF\xC0");
  ASSERT_NE(frame, std::string::npos);
  for (std::size_t i = 5; i < 9; ++i) bytes[frame + i] = '\xF0';
  write_file(folder / "huge.jpg", bytes);
  EXPECT_THAT(message_of<InputError>([&] { decode_image(folder / "huge.jpg"); }),
              HasSubstr("61680 x 61680"));
}

TEST(Resize, AWindowHasThePixelsOfTheWhole) {
  const Image image = decode_image(golden_image("downscale.png"));
  const Image whole = resize(image, 40, 61);
  const Image part = resize(image, 40, 61, Interpolation::kBicubic, {7, 11, 20, 30});
  ASSERT_EQ(part.height, 20);
  ASSERT_EQ(part.width, 30);
  for (int y = 0; y < part.height; ++y) {
    for (int i = 0; i < part.width * 3; ++i) {
      ASSERT_EQ(part.rgb[y * part.width * 3 + i], whole.rgb[((y + 7) * 61 + 11) * 3 + i]);
    }
  }
}

}  // namespace
}  // namespace clipq
