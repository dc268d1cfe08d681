#include <array>

#include "clipq/core/ascii.h"
#include "clipq/core/strings.h"
#include "decoders.h"

namespace clipq {
namespace {

using namespace std::string_view_literals;

struct Signature {
  std::size_t at;
  std::string_view bytes;
  const char* format;
};

constexpr std::array kSignatures = {
    Signature{4, "ftypheic"sv, "a HEIC image"},
    Signature{4, "ftypheix"sv, "a HEIC image"},
    Signature{4, "ftyphevc"sv, "a HEIC image"},
    Signature{4, "ftypheim"sv, "a HEIC image"},
    Signature{4, "ftypheis"sv, "a HEIC image"},
    Signature{4, "ftypmif1"sv, "a HEIF image (HEIC or AVIF)"},
    Signature{4, "ftypmsf1"sv, "a HEIF sequence (HEIC or AVIF)"},
    Signature{4, "ftypavif"sv, "an AVIF image"},
    Signature{4, "ftypavis"sv, "an AVIF sequence"},
    Signature{4, "ftypcrx "sv, "a Canon raw image (CR3)"},
    Signature{4, "ftyp"sv, "a video (MP4 or QuickTime)"},
    Signature{0, "\xFF\x0A"sv, "a JPEG XL image"},
    Signature{4, "JXL \r\n"sv, "a JPEG XL image"},
    Signature{4, "jP  \r\n"sv, "a JPEG 2000 image"},
    Signature{0, "\xFF\x4F\xFF\x51"sv, "a JPEG 2000 image"},
    Signature{0, "8BPS"sv, "a Photoshop file"},
    Signature{0, "%PDF"sv, "a PDF document"},
    Signature{0, "PK\x03\x04"sv, "a ZIP archive"},
    Signature{0, "\x1F\x8B"sv, "a gzip archive"},
    Signature{0, "\0\0\1\0"sv, "an icon (ICO)"},
    Signature{0, "\0\5\x16\7"sv,
              "an AppleDouble file (metadata that macOS stores next to an image)"},
    Signature{0, "version https://git-lfs"sv, "a Git LFS pointer (git lfs pull fetches the file)"},
};

/// How a text begins, in lower case and without leading blanks.
constexpr std::array kTexts = {
    Signature{0, "<svg"sv, "an SVG drawing"},       Signature{0, "<?xml"sv, "an XML document"},
    Signature{0, "<!doctype html"sv, "a web page"}, Signature{0, "<html"sv, "a web page"},
    Signature{0, "{"sv, "a JSON document"},
};

bool has(std::string_view bytes, const Signature& signature) {
  return bytes.size() >= signature.at && bytes.substr(signature.at).starts_with(signature.bytes);
}

}  // namespace

std::string foreign_format(std::string_view bytes) {
  constexpr std::size_t kLongestText = 256;
  for (const Signature& signature : kSignatures) {
    if (has(bytes, signature)) return signature.format;
  }
  const std::string begin = lower_case(trimmed(bytes.substr(0, kLongestText)));
  for (const Signature& signature : kTexts) {
    if (has(begin, signature)) return signature.format;
  }
  return {};
}

}  // namespace clipq
