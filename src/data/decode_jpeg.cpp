// Each of these needs those before it.
// clang-format off
#include <cstdio>
#include <jpeglib.h>
#include <jerror.h>
// clang-format on

#include <algorithm>
#include <array>
#include <csetjmp>
#include <string>

#include "clipq/core/strings.h"
#include "decoders.h"

namespace clipq {
namespace {

/// Warnings that don't affect the pixels.
constexpr std::array kHarmlessWarnings = {JWRN_JFIF_MAJOR, JWRN_ADOBE_XFORM, JWRN_NOT_SEQUENTIAL,
                                          JWRN_EXTRANEOUS_DATA};

/// libjpeg's error manager, and what it reported.
struct Failures {
  jpeg_error_mgr manager;
  std::jmp_buf out;
  char reason[JMSG_LENGTH_MAX] = {};  ///< the first that isn't harmless; empty: none
};

void note(j_common_ptr jpeg) {
  auto* failures = reinterpret_cast<Failures*>(jpeg->err);
  if (failures->reason[0] == '\0') failures->manager.format_message(jpeg, failures->reason);
}

void leave(j_common_ptr jpeg) {
  note(jpeg);
  std::longjmp(reinterpret_cast<Failures*>(jpeg->err)->out, 1);
}

void note_warning(j_common_ptr jpeg, int level) {
  constexpr int kWarning = -1;
  const int code = jpeg->err->msg_code;
  if (level != kWarning || std::find(kHarmlessWarnings.begin(), kHarmlessWarnings.end(), code) !=
                               kHarmlessWarnings.end()) {
    return;
  }
  note(jpeg);
}

/// A decompressor and its output. No object may be constructed between setjmp() and longjmp(), so
/// each step is a function without any.
struct Decompressor {
  explicit Decompressor(std::string_view bytes) {
    jpeg.err = jpeg_std_error(&failures.manager);
    failures.manager.error_exit = leave;
    failures.manager.emit_message = note_warning;
    jpeg_create_decompress(&jpeg);
    jpeg_mem_src(&jpeg, reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size());
  }
  ~Decompressor() { jpeg_destroy_decompress(&jpeg); }
  Decompressor(const Decompressor&) = delete;
  Decompressor& operator=(const Decompressor&) = delete;

  bool read_header() {
    if (setjmp(failures.out) != 0) return false;
    jpeg_read_header(&jpeg, TRUE);
    const bool four_inks = jpeg.jpeg_color_space == JCS_CMYK || jpeg.jpeg_color_space == JCS_YCCK;
    jpeg.out_color_space = four_inks ? JCS_CMYK : JCS_RGB;
    jpeg.dct_method = JDCT_ISLOW;
    return true;
  }

  /// The needed ones of image_height rows of image_width * out_color_components samples, and
  /// perhaps others.
  bool read_pixels(const Window& needed, std::uint8_t* pixels) {
    if (setjmp(failures.out) != 0) return false;
    jpeg_start_decompress(&jpeg);
    JDIMENSION left = needed.left;
    JDIMENSION width = needed.width;
    if (width < jpeg.output_width) jpeg_crop_scanline(&jpeg, &left, &width);
    const JDIMENSION end = needed.top + needed.height;
    if (needed.top > 0) jpeg_skip_scanlines(&jpeg, needed.top);
    while (jpeg.output_scanline < jpeg.output_height) {
      // The last row is always read: libjpeg wouldn't look at what is coded behind the others.
      const JDIMENSION last = jpeg.output_height - 1;
      const JDIMENSION here = jpeg.output_scanline;
      if (here >= end && here < last) jpeg_skip_scanlines(&jpeg, last - here);
      JSAMPROW row = pixels + (std::size_t{jpeg.output_scanline} * jpeg.image_width + left) *
                                  static_cast<unsigned>(jpeg.output_components);
      jpeg_read_scanlines(&jpeg, &row, 1);
    }
    jpeg_finish_decompress(&jpeg);
    return true;
  }

  Failures failures{};
  jpeg_decompress_struct jpeg{};
};

/// What is worth decoding of an image: the needed pixels with a margin for what upsampling blends
/// across the edges of coded blocks, or all of them if that saves too little.
Window worth_decoding(int height, int width, const NeededPixels& needed) {
  constexpr int kMargin = 32;  // of the largest coded units
  constexpr int kLeastSaved = 1 << 15;
  const Window all = {0, 0, height, width};
  if (!needed) return all;
  const Window wanted = needed(height, width);
  const int top = std::max(wanted.top - kMargin, 0);
  const int left = std::max(wanted.left - kMargin, 0);
  const int bottom = std::min(wanted.top + wanted.height + kMargin, height);
  const int right = std::min(wanted.left + wanted.width + kMargin, width);
  const std::int64_t kept = std::int64_t{bottom - top} * (right - left);
  if (std::int64_t{height} * width - kept < kLeastSaved) return all;
  return {top, left, bottom - top, right - left};
}

/// a * b / 255, rounded as in Pillow.
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

bool is_jpeg(std::string_view bytes) { return bytes.starts_with("\xFF\xD8\xFF"); }

Image decode_jpeg(std::string_view bytes, const std::string& file, const NeededPixels& needed) {
  Decompressor decompressor(bytes);
  if (!decompressor.read_header()) {
    throw_damaged_picture(file, "JPEG", decompressor.failures.reason);
  }
  Image image{static_cast<int>(decompressor.jpeg.image_height),
              static_cast<int>(decompressor.jpeg.image_width),
              {}};
  require_sane_size(image.height, image.width, file);
  const bool four_inks = decompressor.jpeg.out_color_space == JCS_CMYK;
  std::vector<std::uint8_t> pixels(std::size_t(image.height) * image.width * (four_inks ? 4 : 3));
  const Window window = worth_decoding(image.height, image.width, needed);
  if (!decompressor.read_pixels(window, pixels.data()) || decompressor.failures.reason[0] != '\0') {
    throw_damaged_picture(file, "JPEG", decompressor.failures.reason);
  }
  image.rgb = four_inks ? cmyk_to_rgb(pixels) : std::move(pixels);
  return image;
}

}  // namespace clipq
