#pragma once

#include "clipq/data/image.h"

namespace clipq {

/// The filter that weighs the pixels around a new one.
enum class Interpolation {
  kBicubic,  ///< a = -0.5
  kBilinear  ///< a triangle
};

/// Pillow 13's resize, bit for bit: antialiased, 8 bits after each of two passes. height and width
/// must be at least 1.
Image resize(const Image& image, int height, int width,
             Interpolation interpolation = Interpolation::kBicubic);

/// The pixels of `window` of the image resized to height x width, without computing the others. The
/// window must lie within the resized image.
Image resize(const Image& image, int height, int width, Interpolation interpolation,
             const Window& window);

/// The pixels of an image of `from_height` x `from_width` that `window` of its resized form is made
/// of.
Window source_of(const Window& window, int from_height, int from_width, int height, int width,
                 Interpolation interpolation);

}  // namespace clipq
