#include <turbojpeg.h>

#include <algorithm>
#include <array>
#include <memory>

#include "clipq/core/error.h"
#include "clipq/core/strings.h"
#include "decoders.h"

namespace clipq {
namespace {

/// Warnings about headers that leave the pixels as they should be.
constexpr std::array<std::string_view, 3> kHarmlessWarnings = {
    "unknown JFIF revision number", "Unknown Adobe color transform code", "Invalid SOS parameters"};

struct Destroy {
  void operator()(void* handle) const { tjDestroy(handle); }
};
using Handle = std::unique_ptr<void, Destroy>;

[[noreturn]] void throw_damaged(const std::string& file, const std::string& reason) {
  throw InputError(cat(file, " is a damaged or truncated JPEG: ", reason,
                       "; replace the file or remove it from the data set"));
}

bool is_harmless(tjhandle handle, std::string_view bytes) {
  if (tjGetErrorCode(handle) != TJERR_WARNING) return false;
  const std::string_view warning = tjGetErrorStr2(handle);
  const bool has_end = bytes.rfind("\xFF\xD9") != std::string_view::npos;
  return has_end && std::any_of(kHarmlessWarnings.begin(), kHarmlessWarnings.end(),
                                [&](std::string_view known) {
                                  return warning.find(known) != std::string_view::npos;
                                });
}

/// a * b / 255, rounded, as Pillow does it.
int multiply_255(int a, int b) {
  const int product = a * b + 128;
  return ((product >> 8) + product) >> 8;
}

/// Adobe's inverted CMYK to RGB with Pillow's arithmetic.
std::vector<std::uint8_t> cmyk_to_rgb(const std::vector<std::uint8_t>& inverted) {
  std::vector<std::uint8_t> rgb(inverted.size() / 4 * 3);
  for (std::size_t pixel = 0; pixel < inverted.size() / 4; ++pixel) {
    const int white = inverted[4 * pixel + 3];
    for (std::size_t channel = 0; channel < 3; ++channel) {
      const int ink = 255 - inverted[4 * pixel + channel];
      rgb[3 * pixel + channel] =
          static_cast<std::uint8_t>(std::clamp(white - multiply_255(ink, white), 0, 255));
    }
  }
  return rgb;
}

}  // namespace

bool is_jpeg(std::string_view bytes) { return starts_with(bytes, "\xFF\xD8\xFF"); }

Image decode_jpeg(std::string_view bytes, const std::string& file) {
  const Handle handle(tjInitDecompress());
  if (!handle) throw InternalError("TurboJPEG cannot be initialised");
  const auto* data = reinterpret_cast<const unsigned char*>(bytes.data());
  Image image;
  int subsampling = 0;
  int color_space = -1;
  const int status = tjDecompressHeader3(handle.get(), data, bytes.size(), &image.width,
                                         &image.height, &subsampling, &color_space);
  const bool header_known = image.width > 0 && image.height > 0;
  if (status != 0 && !header_known) throw_damaged(file, tjGetErrorStr2(handle.get()));
  require_sane_size(image.height, image.width, file);

  const bool four_inks = color_space == TJCS_CMYK || color_space == TJCS_YCCK;
  const int format = four_inks ? TJPF_CMYK : TJPF_RGB;
  std::vector<std::uint8_t> pixels(std::size_t(image.height) * image.width * tjPixelSize[format]);
  if (tjDecompress2(handle.get(), data, bytes.size(), pixels.data(), image.width, 0, image.height,
                    format, TJFLAG_ACCURATEDCT) != 0 &&
      !is_harmless(handle.get(), bytes)) {
    throw_damaged(file, tjGetErrorStr2(handle.get()));
  }
  image.rgb = four_inks ? cmyk_to_rgb(pixels) : std::move(pixels);
  return image;
}

}  // namespace clipq
