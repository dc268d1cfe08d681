#include <zlib.h>

#include <algorithm>

#include "clipq/core/error.h"
#include "clipq/core/strings.h"
#include "decoders.h"

namespace clipq {
namespace {

constexpr std::string_view kSignature("\x89PNG\r\n\x1a\n", 8);
constexpr std::size_t kChunkOverhead = 12;  // length, type, checksum
constexpr std::size_t kTypeBegin = 4;
constexpr std::size_t kTypeEnd = 8;
constexpr std::size_t kHeaderBytes = 13;
constexpr std::string_view kEnd("\0\0\0\0IEND\xAE\x42\x60\x82", kChunkOverhead);

[[noreturn]] void throw_damaged(const std::string& file, const std::string& reason) {
  throw_damaged_picture(file, "PNG", reason);
}

std::uint32_t big_endian(std::string_view bytes, std::size_t at) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < 4; ++i) value = value << 8 | std::uint8_t(bytes[at + i]);
  return value;
}

std::uint32_t crc32_of(std::string_view bytes) {
  return static_cast<std::uint32_t>(
      crc32_z(0, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size()));
}

bool is_essential(std::string_view type) {
  return type == "IHDR" || type == "PLTE" || type == "IDAT" || type == "IEND";
}

}  // namespace

bool is_png(std::string_view bytes) { return bytes.starts_with(kSignature); }

std::string essential_png(std::string_view bytes, const std::string& file) {
  std::string out(kSignature);
  std::string_view type;
  bool has_data = false;
  for (std::size_t at = kSignature.size(); type != "IEND";) {
    const std::size_t rest = bytes.size() - at;
    type = bytes.substr(at, kTypeEnd).substr(std::min(rest, kTypeBegin));
    const std::size_t length = rest < kChunkOverhead ? 0 : big_endian(bytes, at);
    if (rest < kChunkOverhead || rest - kChunkOverhead < length) {
      // Nothing after the pixels matters; libpng checks whether they are complete.
      if (has_data && type != "IDAT") return out.append(kEnd);
      throw_damaged(file, rest < kChunkOverhead ? std::string("it ends before its IEND chunk")
                                                : cat("a chunk of ", length, " bytes has only ",
                                                      rest - kChunkOverhead));
    }
    if (is_essential(type)) {
      if (crc32_of(bytes.substr(at + 4, length + 4)) != big_endian(bytes, at + 8 + length)) {
        throw_damaged(file, cat("the checksum of its ", type, " chunk is wrong"));
      }
      if (out.size() == kSignature.size()) {
        if (type != "IHDR" || length != kHeaderBytes) throw_damaged(file, "it has no header");
        require_sane_size(big_endian(bytes, at + 12), big_endian(bytes, at + 8), file);
      }
      has_data = has_data || type == "IDAT";
      out += bytes.substr(at, length + kChunkOverhead);
    }
    at += length + kChunkOverhead;
  }
  return out;
}

}  // namespace clipq
