#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "clipq/data/image.h"

namespace clipq {

/// Pillow refuses more ("decompression bomb"), and so do we: a damaged header mustn't cost
/// gigabytes.
inline constexpr std::int64_t kMaxPixels = 178956970;

/// Throws InputError that names `file` if the size is not one that can be decoded.
void require_sane_size(std::int64_t height, std::int64_t width, const std::string& file);

/// Throws InputError that names `file`, its format and the reason.
[[noreturn]] void throw_damaged_picture(const std::string& file, const char* format,
                                        const std::string& reason);

/// The image of [height, width, 4] samples without the fourth ones.
Image without_fourth_samples(const std::uint8_t* samples, int height, int width);

/// Whether it is a grey or coloured PNM with binary samples (PGM, PPM).
bool is_binary_pnm(std::string_view bytes);
bool is_gif(std::string_view bytes);
bool is_jpeg(std::string_view bytes);
bool is_png(std::string_view bytes);
bool is_tiff(std::string_view bytes);
bool is_webp(std::string_view bytes);

/// What the bytes are if clipq doesn't support them: "a HEIC image", "a web page"; empty if
/// unknown.
std::string foreign_format(std::string_view bytes);

/// Each throws InputError that names `file` on any error of the decoder. Only the first frame or
/// page is decoded.
Image decode_gif(std::string_view bytes, const std::string& file);
Image decode_tiff(std::string_view bytes, const std::string& file);
Image decode_webp(std::string_view bytes, const std::string& file);
Image decode_by_opencv(std::string_view bytes, const std::string& file);

/// Skips what isn't needed where that pays, but for its entropy-coded data: those are read, and
/// damage to them is an error.
Image decode_jpeg(std::string_view bytes, const std::string& file, const NeededPixels& needed);

/// The PNG with only the chunks that decide the pixels (IHDR, PLTE, IDAT, IEND), every checksum
/// checked. An IEND that is missing after the last IDAT is added. Throws InputError that names
/// `file` if it is truncated or damaged.
std::string essential_png(std::string_view bytes, const std::string& file);

/// The binary PNM with its samples scaled to 0..255 where its greatest level is less, as Pillow
/// does and OpenCV doesn't.
std::string full_range_pnm(std::string_view bytes);

}  // namespace clipq
