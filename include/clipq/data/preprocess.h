#pragma once

#include <array>
#include <string>
#include <vector>

#include "clipq/data/image.h"
#include "clipq/data/resize.h"

namespace clipq {

/// Where a centre crop begins if the margins can't be equal: (length - size) / 2 is rounded …
enum class CropOffset {
  kHalfToEven,  ///< as Python's round() does: torchvision, OpenAI, open_clip
  kFloor        ///< down: Hugging Face's image processors
};

/// How a picture of any shape becomes a square.
enum class ResizeMode {
  kShortest,  ///< the shortest side is resized to the square's, the middle of the longest is cut
              ///< out
  kSquash,    ///< resized to the square whatever its shape: SigLIP
  kLongest    ///< the longest side is resized to the square's, the shortest padded at both ends
};

/// How a picture becomes a model's input. Mean and std are of pixels scaled to 0..1, in the order
/// red, green, blue; the defaults are those of OpenAI's CLIP.
struct Preprocess {
  int size = 224;  ///< side of the square input, in pixels
  std::array<float, 3> mean = {0.48145466f, 0.4578275f, 0.40821073f};
  std::array<float, 3> std = {0.26862954f, 0.26130258f, 0.27577711f};
  CropOffset crop_offset = CropOffset::kHalfToEven;  ///< of ResizeMode::kShortest
  ResizeMode resize_mode = ResizeMode::kShortest;
  Interpolation interpolation = Interpolation::kBicubic;
  int fill_color = 0;  ///< 0 to 255, of all channels of what ResizeMode::kLongest pads

  bool operator==(const Preprocess&) const = default;
};

/// Throws InputError that names `where` unless size, mean, std and fill_color are such that pixels
/// stay numbers of a sensible size.
void validate(const Preprocess& preprocess, const std::string& where);

/// The square of `size` pixels that the model sees. kShortest is torchvision's Resize(size) and
/// CenterCrop(size): the longest side becomes int(size * longest / shortest). kLongest is
/// open_clip's ResizeKeepRatio and CenterCropOrPad: the shortest side becomes round(size * shortest
/// / longest).
Image resize_to_square(const Image& image, const Preprocess& preprocess);

/// The pixels of an image of this size that resize_to_square() looks at.
Window pixels_needed(int height, int width, const Preprocess& preprocess);

/// What any of them looks at.
NeededPixels needed_by(std::vector<Preprocess> preprocesses);

/// Writes (pixel / 255 - mean) / std to `out`, float32 [3, height, width], with torchvision's
/// float32 rounding after each step.
void normalize(const Image& image, const Preprocess& preprocess, float* out);

/// resize_to_square(), then normalize(): `out` is [3, size, size].
void preprocess(const Image& image, const Preprocess& preprocess, float* out);

}  // namespace clipq
