#pragma once

#include <string>
#include <string_view>

namespace clipq {

/// Decodes UTF-8. Every ill-formed sequence becomes U+FFFD, as Python's errors="replace" does.
std::u32string to_utf32(std::string_view text);

/// Encodes as UTF-8; surrogates become U+FFFD.
std::string to_utf8(std::u32string_view text);

/// Unicode normalization form C.
std::u32string normalize_nfc(const std::u32string& text);

/// Compatibility decomposition and composition (NFKC) of one character.
std::u32string normalize_nfkc(char32_t character);

/// Full lower case independent of the language, with the final sigma rule: Python's str.lower().
std::u32string lower_case(const std::u32string& text);

/// Full upper case independent of the language: Python's str.upper().
std::u32string upper_case(const std::u32string& text);

/// Property White_Space.
bool is_white_space(char32_t character);

/// Property White_Space, plus U+001C to U+001F: Python's str.isspace().
bool is_space(char32_t character);

/// General categories L*, N* and Nd.
bool is_letter(char32_t character);
bool is_number(char32_t character);
bool is_decimal_digit(char32_t character);

}  // namespace clipq
