#include "clipq/text/fix_text.h"

#include <algorithm>
#include <string_view>

#include "clipq/text/html_unescape.h"
#include "clipq/text/unicode.h"

namespace clipq {
namespace {

constexpr std::size_t kLongestSegment = 1000000;  ///< ftfy's max_decode_length

/// What a Latin ligature or digraph consists of; empty if `c` is none.
std::u32string_view ligature_letters(char32_t c) {
  switch (c) {
    case 0x0132:
      return U"IJ";
    case 0x0133:
      return U"ij";
    case 0x0149:
      return U"\u02BCn";
    case 0x01C4:
      return U"D\u017D";
    case 0x01C5:
      return U"D\u017E";
    case 0x01C6:
      return U"d\u017E";
    case 0x01C7:
      return U"LJ";
    case 0x01C8:
      return U"Lj";
    case 0x01C9:
      return U"lj";
    case 0x01CA:
      return U"NJ";
    case 0x01CB:
      return U"Nj";
    case 0x01CC:
      return U"nj";
    case 0x01F1:
      return U"DZ";
    case 0x01F2:
      return U"Dz";
    case 0x01F3:
      return U"dz";
    case 0xFB00:
      return U"ff";
    case 0xFB01:
      return U"fi";
    case 0xFB02:
      return U"fl";
    case 0xFB03:
      return U"ffi";
    case 0xFB04:
      return U"ffl";
    case 0xFB05:
      return U"\u017Ft";
    case 0xFB06:
      return U"st";
    default:
      return {};
  }
}

std::u32string replace_ligatures(const std::u32string& text) {
  std::u32string out;
  out.reserve(text.size());
  for (const char32_t c : text) {
    const std::u32string_view letters = ligature_letters(c);
    if (letters.empty()) {
      out.push_back(c);
    } else {
      out += letters;
    }
  }
  return out;
}

std::u32string standard_width(const std::u32string& text) {
  std::u32string out;
  out.reserve(text.size());
  for (const char32_t c : text) {
    if (c == 0x3000) {
      out.push_back(U' ');
    } else if (c >= 0xFF01 && c <= 0xFFEF) {
      out += normalize_nfkc(c);
    } else {
      out.push_back(c);
    }
  }
  return out;
}

char32_t straight_quote(char32_t c) {
  if (c == 0x02BC || (c >= 0x2018 && c <= 0x201B)) return U'\'';
  if (c >= 0x201C && c <= 0x201F) return U'"';
  return c;
}

std::u32string unix_line_breaks(const std::u32string& text) {
  std::u32string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char32_t c = text[i];
    if (c == U'\r' && i + 1 < text.size() && text[i + 1] == U'\n') continue;
    const bool is_break = c == U'\r' || c == 0x85 || c == 0x2028 || c == 0x2029;
    out.push_back(is_break ? U'\n' : c);
  }
  return out;
}

/// Where the terminal escape at `begin` ends ("ESC [ 1;31 m"), or `begin` if there is none.
std::size_t terminal_escape_end(const std::u32string& text, std::size_t begin) {
  std::size_t i = begin;
  if (text[i++] != 0x1B || i >= text.size() || text[i++] != U'[') return begin;
  while (i < text.size() && (text[i] == U';' || is_decimal_digit(text[i]))) ++i;
  const bool letter = i < text.size() && ((text[i] >= U'a' && text[i] <= U'z') ||
                                          (text[i] >= U'A' && text[i] <= U'Z'));
  return letter ? i + 1 : begin;
}

std::u32string without_terminal_escapes(const std::u32string& text) {
  std::u32string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size();) {
    const std::size_t end = terminal_escape_end(text, i);
    if (end == i) {
      out.push_back(text[i++]);
    } else {
      i = end;
    }
  }
  return out;
}

/// Control characters other than white space, the byte order mark and other invisible characters.
bool is_unwanted_control(char32_t c) {
  return c <= 0x08 || c == 0x0B || (c >= 0x0E && c <= 0x1F) || c == 0x7F ||
         (c >= 0x206A && c <= 0x206F) || c == 0xFEFF || (c >= 0xFFF9 && c <= 0xFFFC);
}

std::u32string fix_segment(std::u32string text, bool unescape) {
  for (;;) {
    const std::u32string before = text;
    if (unescape) text = unescape_terminated_references(text);
    std::transform(text.begin(), text.end(), text.begin(), windows_1252);
    text = standard_width(replace_ligatures(text));
    std::transform(text.begin(), text.end(), text.begin(), straight_quote);
    text = without_terminal_escapes(unix_line_breaks(text));
    std::erase_if(text, is_unwanted_control);
    text = normalize_nfc(text);
    if (text == before) return text;
  }
}

}  // namespace

std::u32string fix_text(const std::u32string& text) {
  std::u32string out;
  bool unescape = true;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t line_break = text.find(U'\n', begin);
    std::size_t end = line_break == std::u32string::npos ? text.size() : line_break + 1;
    end = std::min(end, begin + kLongestSegment);
    const std::u32string segment = text.substr(begin, end - begin);
    unescape = unescape && segment.find(U'<') == std::u32string::npos;
    out += fix_segment(segment, unescape);
    begin = end;
  }
  return out;
}

}  // namespace clipq
