#pragma once

#include "clipq/data/image.h"

namespace clipq {

/// Pillow 13's bicubic resize, bit for bit: antialiased, a = -0.5, 8 bits after each of two passes.
/// height and width must be at least 1.
Image resize_bicubic(const Image& image, int height, int width);

/// A part of an image, in pixels.
struct Window {
  int top = 0;
  int left = 0;
  int height = 0;
  int width = 0;
};

/// The pixels of `window` of resize_bicubic(image, height, width), without computing the others.
/// The window must lie within the resized image.
Image resize_bicubic(const Image& image, int height, int width, const Window& window);

}  // namespace clipq
