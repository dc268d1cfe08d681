#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

namespace clipq {

/// An 8-bit RGB picture, rows from the top: `rgb` is [height, width, 3].
struct Image {
  int height = 0;
  int width = 0;
  std::vector<std::uint8_t> rgb;

  bool operator==(const Image&) const = default;
};

/// Decodes a JPEG, PNG, WebP, BMP, PNM or TIFF file to what Pillow's `Image.open(f).convert("RGB")`
/// gives, within 1 level: grey and palette are expanded, alpha is dropped, CMYK is taken as Adobe's
/// (inverted), EXIF orientation and colour profiles are not applied. 16-bit samples keep their high
/// byte (Pillow clips 16-bit grey instead, which makes nearly every such picture white).
/// Throws InputError if the file is missing, empty, truncated, damaged or not an image.
Image decode_image(const std::filesystem::path& file);

/// Pillow 13's bicubic resize, bit for bit: antialiased, a = -0.5, 8 bits after each of two passes.
/// height and width must be at least 1.
Image resize_bicubic(const Image& image, int height, int width);

/// A part of a picture, in pixels.
struct Window {
  int top = 0;
  int left = 0;
  int height = 0;
  int width = 0;
};

/// The pixels of `window` of resize_bicubic(image, height, width), without computing the others.
/// The window must lie within the resized picture.
Image resize_bicubic(const Image& image, int height, int width, const Window& window);

}  // namespace clipq
