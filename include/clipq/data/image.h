#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "clipq/core/export.h"

namespace clipq {

/// An 8-bit RGB image, rows from the top: `rgb` is [height, width, 3].
struct Image {
  int height = 0;
  int width = 0;
  std::vector<std::uint8_t> rgb = {};

  bool operator==(const Image&) const = default;
};

/// A part of an image, in pixels.
struct Window {
  int top = 0;
  int left = 0;
  int height = 0;
  int width = 0;

  bool operator==(const Window&) const = default;
};

/// Which pixels of an image of this size will be looked at. Empty: all.
using NeededPixels = std::function<Window(int height, int width)>;

/// Decodes a JPEG, PNG, WebP, GIF, BMP, PNM or TIFF file to what Pillow's
/// `Image.open(f).convert("RGB")` gives, within 1 level: grey and palette are expanded, alpha is
/// dropped, CMYK is taken as Adobe's (inverted), EXIF orientation and colour profiles are not
/// applied. 16-bit samples keep their high byte (Pillow clips 16-bit grey instead, which makes
/// nearly every such image white). Throws InputError if the file is missing, empty, truncated,
/// damaged or not an image.
/// @param needed pixels outside it may be left black where that saves time; errors are the same
CLIPQ_EXPORT Image decode_image(const std::filesystem::path& file, const NeededPixels& needed = {});

/// The same of the bytes of such a file.
/// @param name what messages call it
CLIPQ_EXPORT Image decode_image(std::span<const std::byte> bytes,
                                const std::string& name = "image",
                                const NeededPixels& needed = {});

}  // namespace clipq
