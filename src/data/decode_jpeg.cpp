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

  /// Rows of output_width * output_components samples.
  bool read_pixels(std::uint8_t* pixels) {
    if (setjmp(failures.out) != 0) return false;
    jpeg_start_decompress(&jpeg);
    while (jpeg.output_scanline < jpeg.output_height) {
      JSAMPROW row = pixels + std::size_t{jpeg.output_scanline} * jpeg.output_width *
                                  static_cast<unsigned>(jpeg.output_components);
      jpeg_read_scanlines(&jpeg, &row, 1);
    }
    jpeg_finish_decompress(&jpeg);
    return true;
  }

  Failures failures{};
  jpeg_decompress_struct jpeg{};
};

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

Image decode_jpeg(std::string_view bytes, const std::string& file) {
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
  if (!decompressor.read_pixels(pixels.data()) || decompressor.failures.reason[0] != '\0') {
    throw_damaged_picture(file, "JPEG", decompressor.failures.reason);
  }
  image.rgb = four_inks ? cmyk_to_rgb(pixels) : std::move(pixels);
  return image;
}

}  // namespace clipq
