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

bool is_jpeg(std::string_view bytes);
bool is_png(std::string_view bytes);

/// Throws InputError that names `file` on anything that the decoder finds wrong.
Image decode_jpeg(std::string_view bytes, const std::string& file);

/// The PNG with only the chunks that decide the pixels (IHDR, PLTE, IDAT, IEND), every checksum
/// checked. Throws InputError that names `file` if it is truncated or damaged.
std::string essential_png(std::string_view bytes, const std::string& file);

}  // namespace clipq
