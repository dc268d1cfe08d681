#pragma once

#include <array>
#include <string>

#include "clipq/data/image.h"

namespace clipq {

/// Where a centre crop begins if the margins can't be equal: (length - size) / 2 is rounded …
enum class CropOffset {
  kHalfToEven,  ///< as Python's round() does: torchvision, OpenAI, open_clip
  kFloor        ///< down: Hugging Face's image processors
};

/// How a picture becomes a model's input. Mean and std are of pixels scaled to 0..1, in the order
/// red, green, blue; the defaults are those of OpenAI's CLIP.
struct Preprocess {
  int size = 224;  ///< side of the square input, in pixels
  std::array<float, 3> mean = {0.48145466f, 0.4578275f, 0.40821073f};
  std::array<float, 3> std = {0.26862954f, 0.26130258f, 0.27577711f};
  CropOffset crop_offset = CropOffset::kHalfToEven;

  bool operator==(const Preprocess&) const = default;
};

/// Throws InputError that names `where` unless size, mean and std are such that pixels stay numbers
/// of a sensible size.
void validate(const Preprocess& preprocess, const std::string& where);

/// torchvision's Resize(size, BICUBIC) and CenterCrop(size): the shortest side becomes `size`, the
/// long side int(size * long / short).
Image resize_and_crop(const Image& image, int size, CropOffset offset = CropOffset::kHalfToEven);

/// Writes (pixel / 255 - mean) / std to `out`, float32 [3, height, width], with torchvision's
/// float32 rounding after each step.
void normalize(const Image& image, const Preprocess& preprocess, float* out);

/// resize_and_crop(), then normalize(): `out` is [3, size, size].
void preprocess(const Image& image, const Preprocess& preprocess, float* out);

}  // namespace clipq
