#include <tiffio.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <utility>

#include "clipq/core/error.h"
#include "clipq/core/strings.h"
#include "decoders.h"

namespace clipq {
namespace {

/// The bytes of a file as libtiff reads them.
struct Input {
  std::string_view bytes;
  std::uint64_t at = 0;
  std::string failure;  ///< what libtiff said first
};

tmsize_t read_bytes(thandle_t handle, void* out, tmsize_t wanted) {
  auto& input = *static_cast<Input*>(handle);
  const std::uint64_t rest =
      input.bytes.size() - std::min<std::uint64_t>(input.at, input.bytes.size());
  const std::uint64_t count = std::min(rest, static_cast<std::uint64_t>(wanted));
  if (count > 0) std::memcpy(out, input.bytes.data() + input.at, count);
  input.at += count;
  return static_cast<tmsize_t>(count);
}

tmsize_t write_nothing(thandle_t, void*, tmsize_t) { return 0; }

toff_t seek(thandle_t handle, toff_t offset, int from) {
  auto& input = *static_cast<Input*>(handle);
  const std::uint64_t base = from == SEEK_CUR   ? input.at
                             : from == SEEK_END ? input.bytes.size()
                                                : 0;
  input.at = base + offset;
  return input.at;
}

int close_nothing(thandle_t) { return 0; }
toff_t size_of(thandle_t handle) { return static_cast<Input*>(handle)->bytes.size(); }

/// Keeps the first error; libtiff's own handler would print it.
int keep_error(TIFF*, void* data, const char*, const char* format, va_list arguments) {
  auto& input = *static_cast<Input*>(data);
  constexpr std::size_t kLongest = 256;
  char text[kLongest];
  if (input.failure.empty() && vsnprintf(text, kLongest, format, arguments) > 0) {
    input.failure = text;
  }
  return 1;
}

int ignore_warning(TIFF*, void*, const char*, const char*, va_list) { return 1; }

struct CloseTiff {
  void operator()(TIFF* tiff) const { TIFFClose(tiff); }
};
using Tiff = std::unique_ptr<TIFF, CloseTiff>;

Tiff open_tiff(Input& input) {
  TIFFOpenOptions* options = TIFFOpenOptionsAlloc();
  TIFFOpenOptionsSetErrorHandlerExtR(options, keep_error, &input);
  TIFFOpenOptionsSetWarningHandlerExtR(options, ignore_warning, nullptr);
  Tiff tiff(TIFFClientOpenExt("picture", "rm", &input, read_bytes, write_nothing, seek,
                              close_nothing, size_of, nullptr, nullptr, options));
  TIFFOpenOptionsFree(options);
  return tiff;
}

template <typename T>
T tag(TIFF* tiff, std::uint32_t which) {
  T value = 0;
  TIFFGetFieldDefaulted(tiff, which, &value);
  return value;
}

/// The meaning of the samples beyond grey or colour (EXTRASAMPLE_…).
int extra_sample(TIFF* tiff) {
  std::uint16_t count = 0;
  std::uint16_t* kinds = nullptr;
  if (TIFFGetField(tiff, TIFFTAG_EXTRASAMPLES, &count, &kinds) == 0 || count == 0) {
    return EXTRASAMPLE_UNSPECIFIED;
  }
  return kinds[0];
}

/// Whether pixels are 8-bit grey or colour with alpha, which libtiff and OpenCV would premultiply.
bool has_plain_alpha(TIFF* tiff) {
  const auto meaning = tag<std::uint16_t>(tiff, TIFFTAG_PHOTOMETRIC);
  const auto samples = tag<std::uint16_t>(tiff, TIFFTAG_SAMPLESPERPIXEL);
  return tag<std::uint16_t>(tiff, TIFFTAG_BITSPERSAMPLE) == 8 &&
         ((meaning == PHOTOMETRIC_RGB && samples == 4) ||
          (meaning == PHOTOMETRIC_MINISBLACK && samples == 2));
}

/// Pillow's colours for premultiplied pixels.
void divide_by_alpha(std::uint8_t* rgba, std::int64_t pixels) {
  for (std::int64_t i = 0; i < pixels; ++i, rgba += 4) {
    const int alpha = rgba[3];
    for (int channel = 0; channel < 3; ++channel) {
      const int divided = alpha == 0 ? 0 : rgba[channel] * 255 / alpha;
      rgba[channel] = static_cast<std::uint8_t>(std::min(divided, 255));
    }
  }
}

Image decode_alpha(TIFF* tiff, const Input& input, const std::string& file) {
  const auto height = tag<std::uint32_t>(tiff, TIFFTAG_IMAGELENGTH);
  const auto width = tag<std::uint32_t>(tiff, TIFFTAG_IMAGEWIDTH);
  require_sane_size(height, width, file);
  const bool multiplied = extra_sample(tiff) == EXTRASAMPLE_ASSOCALPHA;
  // If told that the colours are already premultiplied, libtiff leaves them unchanged.
  std::uint16_t leave[] = {EXTRASAMPLE_ASSOCALPHA};
  TIFFSetField(tiff, TIFFTAG_EXTRASAMPLES, 1, leave);
  TIFFSetField(tiff, TIFFTAG_ORIENTATION, ORIENTATION_TOPLEFT);
  std::vector<std::uint32_t> raster(std::size_t{height} * width);
  if (TIFFReadRGBAImageOriented(tiff, width, height, raster.data(), ORIENTATION_TOPLEFT,
                                /*stopOnError=*/1) == 0) {
    throw_damaged_picture(file, "TIFF", input.failure);
  }
  auto* rgba = reinterpret_cast<std::uint8_t*>(raster.data());
  if (multiplied) divide_by_alpha(rgba, static_cast<std::int64_t>(raster.size()));
  return without_fourth_samples(rgba, static_cast<int>(height), static_cast<int>(width));
}

/// The pixel of the stored image that is shown at (y, x).
std::pair<int, int> stored_at(int y, int x, int orientation, int height, int width) {
  const int from_bottom = height - 1 - y;
  const int from_right = width - 1 - x;
  switch (orientation) {
    case ORIENTATION_TOPRIGHT:
      return {y, from_right};
    case ORIENTATION_BOTRIGHT:
      return {from_bottom, from_right};
    case ORIENTATION_BOTLEFT:
      return {from_bottom, x};
    case ORIENTATION_LEFTTOP:
      return {x, y};
    case ORIENTATION_RIGHTTOP:
      return {from_right, y};
    case ORIENTATION_RIGHTBOT:
      return {from_right, from_bottom};
    case ORIENTATION_LEFTBOT:
      return {x, from_bottom};
    default:
      return {y, x};
  }
}

/// Rotated and mirrored according to the tag; Pillow does this only for TIFF.
Image upright(Image stored, int orientation) {
  if (orientation <= ORIENTATION_TOPLEFT || orientation > ORIENTATION_LEFTBOT) return stored;
  const bool turned = orientation >= ORIENTATION_LEFTTOP;
  Image image{turned ? stored.width : stored.height, turned ? stored.height : stored.width, {}};
  image.rgb.reserve(stored.rgb.size());
  for (int y = 0; y < image.height; ++y) {
    for (int x = 0; x < image.width; ++x) {
      const auto [row, column] = stored_at(y, x, orientation, image.height, image.width);
      const auto pixel = stored.rgb.begin() + 3 * (std::int64_t{row} * stored.width + column);
      image.rgb.insert(image.rgb.end(), pixel, pixel + 3);
    }
  }
  return image;
}

}  // namespace

bool is_tiff(std::string_view bytes) {
  using namespace std::string_view_literals;
  return bytes.starts_with("II*\0"sv) || bytes.starts_with("MM\0*"sv) ||
         bytes.starts_with("II+\0"sv) || bytes.starts_with("MM\0+"sv);
}

Image decode_tiff(std::string_view bytes, const std::string& file) {
  Input input = {bytes, 0, {}};
  const Tiff tiff = open_tiff(input);
  if (!tiff) throw_damaged_picture(file, "TIFF", input.failure);
  constexpr int kMostBits = 16;
  const int bits = tag<std::uint16_t>(tiff.get(), TIFFTAG_BITSPERSAMPLE);
  if (bits > kMostBits) {
    throw InputError(cat(file, " is a TIFF with ", bits, "-bit samples; clipq supports at most ",
                         kMostBits, " bits: convert it to 8 bits, or remove it from the data set"));
  }
  if (!has_plain_alpha(tiff.get())) return decode_by_opencv(bytes, file);
  const int orientation = tag<std::uint16_t>(tiff.get(), TIFFTAG_ORIENTATION);
  return upright(decode_alpha(tiff.get(), input, file), orientation);
}

}  // namespace clipq
