#include "clipq/text/unicode.h"

#include <unicode/locid.h>
#include <unicode/normalizer2.h>
#include <unicode/uchar.h>
#include <unicode/unistr.h>
#include <unicode/utf8.h>

#include <algorithm>

#include "clipq/core/error.h"
#include "clipq/core/strings.h"

namespace clipq {
namespace {

/// Below it, every character is its own NFC, whatever its neighbours.
constexpr char32_t kFirstNfcCandidate = 0x300;

bool is_ascii(const std::u32string& text) {
  return std::all_of(text.begin(), text.end(), [](char32_t c) { return c < 0x80; });
}

icu::UnicodeString to_icu(std::u32string_view text) {
  return icu::UnicodeString::fromUTF32(reinterpret_cast<const UChar32*>(text.data()),
                                       static_cast<std::int32_t>(text.size()));
}

std::u32string from_icu(const icu::UnicodeString& text) {
  std::u32string out;
  out.reserve(static_cast<std::size_t>(text.length()));
  for (std::int32_t i = 0; i < text.length(); i = text.moveIndex32(i, 1)) {
    out.push_back(static_cast<char32_t>(text.char32At(i)));
  }
  return out;
}

void require(UErrorCode status, const char* what) {
  if (U_FAILURE(status)) throw InternalError(cat("ICU: ", what, ": ", u_errorName(status)));
}

}  // namespace

std::u32string to_utf32(std::string_view text) {
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(text.data());
  const auto size = static_cast<std::int64_t>(text.size());
  std::u32string out;
  out.reserve(text.size());
  for (std::int64_t i = 0; i < size;) {
    UChar32 character = 0;
    U8_NEXT_OR_FFFD(bytes, i, size, character);
    out.push_back(static_cast<char32_t>(character));
  }
  return out;
}

std::string to_utf8(std::u32string_view text) {
  std::string out;
  out.reserve(text.size());
  for (const char32_t character : text) {
    const bool encodable = character <= 0x10FFFF && !U_IS_SURROGATE(character);
    const UChar32 code = encodable ? static_cast<UChar32>(character) : 0xFFFD;
    std::uint8_t bytes[U8_MAX_LENGTH];
    std::int32_t length = 0;
    U8_APPEND_UNSAFE(bytes, length, code);
    out.append(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(length));
  }
  return out;
}

std::u32string normalize_nfc(const std::u32string& text) {
  if (std::all_of(text.begin(), text.end(), [](char32_t c) { return c < kFirstNfcCandidate; })) {
    return text;
  }
  UErrorCode status = U_ZERO_ERROR;
  const icu::Normalizer2* nfc = icu::Normalizer2::getNFCInstance(status);
  require(status, "NFC");
  icu::UnicodeString out = nfc->normalize(to_icu(text), status);
  require(status, "NFC");
  return from_icu(out);
}

std::u32string normalize_nfkc(char32_t character) {
  UErrorCode status = U_ZERO_ERROR;
  const icu::Normalizer2* nfkc = icu::Normalizer2::getNFKCInstance(status);
  require(status, "NFKC");
  icu::UnicodeString out = nfkc->normalize(to_icu({&character, 1}), status);
  require(status, "NFKC");
  return from_icu(out);
}

std::u32string lower_case(const std::u32string& text) {
  if (is_ascii(text)) {
    std::u32string out = text;
    for (char32_t& c : out) c += c >= U'A' && c <= U'Z' ? U'a' - U'A' : 0;
    return out;
  }
  return from_icu(to_icu(text).toLower(icu::Locale::getRoot()));
}

std::u32string upper_case(const std::u32string& text) {
  return from_icu(to_icu(text).toUpper(icu::Locale::getRoot()));
}

bool is_white_space(char32_t character) {
  return u_isUWhiteSpace(static_cast<UChar32>(character)) != 0;
}

bool is_space(char32_t character) {
  return is_white_space(character) || (character >= 0x1C && character <= 0x1F);
}

bool is_letter(char32_t character) {
  return (U_GET_GC_MASK(static_cast<UChar32>(character)) & U_GC_L_MASK) != 0;
}

bool is_number(char32_t character) {
  return (U_GET_GC_MASK(static_cast<UChar32>(character)) & U_GC_N_MASK) != 0;
}

bool is_decimal_digit(char32_t character) {
  return u_charType(static_cast<UChar32>(character)) == U_DECIMAL_DIGIT_NUMBER;
}

}  // namespace clipq
