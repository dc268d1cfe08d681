#include "clipq/text/gzip.h"

#include <zlib.h>

#include <array>
#include <memory>

#include "clipq/core/error.h"
#include "clipq/core/strings.h"

namespace clipq {
namespace {

constexpr int kGzipOnly = 16 + MAX_WBITS;
constexpr int kMemoryLevel = 8;  ///< zlib's default
constexpr std::size_t kLargestContent = 64U << 20;

[[noreturn]] void throw_damaged(const std::string& where, const std::string& reason) {
  throw InputError(cat(where, ": damaged gzip file (", reason, "); download it again"));
}

}  // namespace

bool is_gzip(std::string_view bytes) { return bytes.starts_with("\x1f\x8b"); }

std::string gzip(std::string_view bytes) {
  z_stream stream{};
  if (deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, kGzipOnly, kMemoryLevel,
                   Z_DEFAULT_STRATEGY) != Z_OK) {
    throw InternalError("zlib: deflateInit2 failed");
  }
  const std::unique_ptr<z_stream, int (*)(z_streamp)> guard(&stream, deflateEnd);
  std::string out(deflateBound(&stream, bytes.size()), '\0');
  stream.next_in = const_cast<Bytef*>(reinterpret_cast<const Bytef*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  if (deflate(&stream, Z_FINISH) != Z_STREAM_END) throw InternalError("zlib: deflate failed");
  out.resize(stream.total_out);
  return out;
}

std::string gunzip(std::string_view bytes, const std::string& where) {
  z_stream stream{};
  if (inflateInit2(&stream, kGzipOnly) != Z_OK) throw InternalError("zlib: inflateInit2 failed");
  const std::unique_ptr<z_stream, int (*)(z_streamp)> guard(&stream, inflateEnd);
  stream.next_in = const_cast<Bytef*>(reinterpret_cast<const Bytef*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  std::string out;
  std::array<char, 1 << 16> chunk;
  for (int status = Z_OK; status != Z_STREAM_END;) {
    stream.next_out = reinterpret_cast<Bytef*>(chunk.data());
    stream.avail_out = static_cast<uInt>(chunk.size());
    status = inflate(&stream, Z_NO_FLUSH);
    if (status == Z_BUF_ERROR) throw_damaged(where, "it ends early");
    if (status != Z_OK && status != Z_STREAM_END) {
      throw_damaged(where, stream.msg != nullptr ? stream.msg : cat("zlib status ", status));
    }
    out.append(chunk.data(), chunk.size() - stream.avail_out);
    if (out.size() > kLargestContent) {
      throw InputError(cat(where, ": unpacks to more than ", kLargestContent >> 20U, " MiB"));
    }
  }
  return out;
}

}  // namespace clipq
