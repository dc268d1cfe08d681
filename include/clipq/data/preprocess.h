#pragma once

#include <array>
#include <string>

#include "clipq/data/image.h"

namespace clipq {

/// How a picture becomes a model's input. Mean and std are of pixels scaled to 0..1, in the order
/// red, green, blue; the defaults are those of OpenAI's CLIP.
struct Preprocess {
  int size = 224;  ///< side of the square input, in pixels
  std::array<float, 3> mean = {0.48145466f, 0.4578275f, 0.40821073f};
  std::array<float, 3> std = {0.26862954f, 0.26130258f, 0.27577711f};

  bool operator==(const Preprocess&) const = default;
};

/// Throws InputError that names `where` unless size, mean and std are such that pixels stay numbers
/// of a sensible size.
void validate(const Preprocess& preprocess, const std::string& where);

/// torchvision's Resize(size, BICUBIC) and CenterCrop(size): the shortest side becomes `size`, the
/// long side int(size * long / short), crop offsets are rounded half to even.
Image resize_and_crop(const Image& image, int size);

/// Writes (pixel / 255 - mean) / std to `out`, float32 [3, height, width], with torchvision's
/// float32 rounding after each step.
void normalize(const Image& image, const Preprocess& preprocess, float* out);

/// resize_and_crop(), then normalize(): `out` is [3, size, size].
void preprocess(const Image& image, const Preprocess& preprocess, float* out);

}  // namespace clipq
