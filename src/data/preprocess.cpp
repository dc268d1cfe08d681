#include "clipq/data/preprocess.h"
#include "clipq/data/resize.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "clipq/core/error.h"
#include "clipq/core/strings.h"

namespace clipq {
namespace {

int crop_offset(int length, int size, CropOffset rule) {
  const double middle = (length - size) / 2.0;
  return static_cast<int>(rule == CropOffset::kFloor ? std::floor(middle) : std::nearbyint(middle));
}

/// Python's round(length / ratio), but not less than a pixel.
int scaled(int length, double ratio) {
  return std::max(1, static_cast<int>(std::nearbyint(length / ratio)));
}

/// The size that an image is resized to, and the part of it that is kept.
struct Crop {
  int height;
  int width;
  Window middle;
};

Crop crop_of(int from_height, int from_width, const Preprocess& preprocess) {
  const int size = preprocess.size;
  const int short_side = std::min(from_height, from_width);
  const int long_side = std::max(from_height, from_width);
  const int resized_long = static_cast<int>(static_cast<double>(size) * long_side / short_side);
  const int height = from_height <= from_width ? size : resized_long;
  const int width = from_width <= from_height ? size : resized_long;
  return {height, width,
          Window{crop_offset(height, size, preprocess.crop_offset),
                 crop_offset(width, size, preprocess.crop_offset), size, size}};
}

Image resize_and_crop(const Image& image, const Preprocess& preprocess) {
  const Crop crop = crop_of(image.height, image.width, preprocess);
  return resize(image, crop.height, crop.width, preprocess.interpolation, crop.middle);
}

Image resize_and_pad(const Image& image, const Preprocess& preprocess) {
  const int size = preprocess.size;
  const double ratio = static_cast<double>(std::max(image.height, image.width)) / size;
  const Image resized = resize(image, scaled(image.height, ratio), scaled(image.width, ratio),
                               preprocess.interpolation);
  Image square = {size, size, {}};
  square.rgb.assign(std::size_t(size) * size * 3, static_cast<std::uint8_t>(preprocess.fill_color));
  const std::size_t stride = std::size_t(size) * 3;
  const std::size_t row_bytes = std::size_t(resized.width) * 3;
  const std::size_t left = std::size_t((size - resized.width) / 2) * 3;
  const std::size_t top = (size - resized.height) / 2;
  for (std::size_t y = 0; y < std::size_t(resized.height); ++y) {
    std::copy_n(resized.rgb.data() + y * row_bytes, row_bytes,
                square.rgb.data() + (top + y) * stride + left);
  }
  return square;
}

}  // namespace

void validate(const Preprocess& preprocess, const std::string& where) {
  constexpr int kLargestSize = 16384;
  constexpr float kLargest = 1000;  // pixels are from 0 to 1, or to 255 where somebody erred
  constexpr float kSmallestDeviation = 1e-5F;
  if (preprocess.size < 1 || preprocess.size > kLargestSize) {
    throw InputError(
        cat(where, ": images of ", preprocess.size, " pixels; expected 1 to ", kLargestSize));
  }
  for (const float mean : preprocess.mean) {
    if (!(std::abs(mean) <= kLargest)) {
      throw InputError(cat(where, ": a \"mean\" of pixels is ", mean, ", expected a number from -",
                           kLargest, " to ", kLargest, " (usually 0 to 1)"));
    }
  }
  for (const float deviation : preprocess.std) {
    if (!(deviation >= kSmallestDeviation && deviation <= kLargest)) {
      throw InputError(cat(where, ": a \"std\" of pixels is ", deviation,
                           ", expected a number from ", kSmallestDeviation, " to ", kLargest));
    }
  }
  if (preprocess.fill_color < 0 || preprocess.fill_color > 255) {
    throw InputError(
        cat(where, ": \"fill_color\" is ", preprocess.fill_color, ", expected 0 to 255"));
  }
}

Image resize_to_square(const Image& image, const Preprocess& preprocess) {
  switch (preprocess.resize_mode) {
    case ResizeMode::kShortest:
      return resize_and_crop(image, preprocess);
    case ResizeMode::kSquash:
      return resize(image, preprocess.size, preprocess.size, preprocess.interpolation);
    case ResizeMode::kLongest:
      return resize_and_pad(image, preprocess);
  }
  throw InternalError("unknown resize mode");
}

Window pixels_needed(int height, int width, const Preprocess& preprocess) {
  if (preprocess.resize_mode != ResizeMode::kShortest) return {0, 0, height, width};
  const Crop crop = crop_of(height, width, preprocess);
  return source_of(crop.middle, height, width, crop.height, crop.width, preprocess.interpolation);
}

NeededPixels needed_by(std::vector<Preprocess> preprocesses) {
  if (preprocesses.empty()) return {};
  return [all = std::move(preprocesses)](int height, int width) {
    Window needed = pixels_needed(height, width, all.front());
    for (std::size_t i = 1; i < all.size(); ++i) {
      const Window own = pixels_needed(height, width, all[i]);
      const int bottom = std::max(needed.top + needed.height, own.top + own.height);
      const int right = std::max(needed.left + needed.width, own.left + own.width);
      needed.top = std::min(needed.top, own.top);
      needed.left = std::min(needed.left, own.left);
      needed.height = bottom - needed.top;
      needed.width = right - needed.left;
    }
    return needed;
  };
}

void normalize(const Image& image, const Preprocess& preprocess, float* out) {
  const std::size_t pixels = std::size_t(image.height) * image.width;
  for (std::size_t channel = 0; channel < 3; ++channel) {
    std::array<float, 256> table{};
    for (std::size_t level = 0; level < table.size(); ++level) {
      const float scaled = static_cast<float>(level) / 255.0f;
      const float centered = scaled - preprocess.mean[channel];
      table[level] = centered / preprocess.std[channel];
    }
    const std::uint8_t* source = image.rgb.data() + channel;
    float* target = out + channel * pixels;
    for (std::size_t i = 0; i < pixels; ++i) target[i] = table[source[3 * i]];
  }
}

void preprocess(const Image& image, const Preprocess& preprocess, float* out) {
  normalize(resize_to_square(image, preprocess), preprocess, out);
}

}  // namespace clipq
