#include "clipq/data/preprocess.h"
#include "clipq/data/resize.h"

#include <algorithm>
#include <cmath>

#include "clipq/core/error.h"
#include "clipq/core/strings.h"

namespace clipq {
namespace {

int crop_offset(int length, int size, CropOffset rule) {
  const double middle = (length - size) / 2.0;
  return static_cast<int>(rule == CropOffset::kFloor ? std::floor(middle) : std::nearbyint(middle));
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
}

Image resize_and_crop(const Image& image, int size, CropOffset offset) {
  const int short_side = std::min(image.height, image.width);
  const int long_side = std::max(image.height, image.width);
  const int resized_long = static_cast<int>(static_cast<double>(size) * long_side / short_side);
  const int height = image.height <= image.width ? size : resized_long;
  const int width = image.width <= image.height ? size : resized_long;
  return resize_bicubic(
      image, height, width,
      {crop_offset(height, size, offset), crop_offset(width, size, offset), size, size});
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
  normalize(resize_and_crop(image, preprocess.size, preprocess.crop_offset), preprocess, out);
}

}  // namespace clipq
