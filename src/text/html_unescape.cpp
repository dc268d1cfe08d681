#include "clipq/text/html_unescape.h"

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <optional>
#include <string_view>

#include "clipq/text/unicode.h"

namespace clipq {
namespace {

struct Entity {
  std::string_view name;  ///< after the ampersand, with its semicolon if it has one
  char32_t first;
  char32_t second;  ///< 0 if there is only one character
};

constexpr Entity kEntities[] = {
#include "html_entities.inc"
};

constexpr std::size_t kLongestName = 32;            ///< without its semicolon; longer ones are text
constexpr std::size_t kLongestTerminatedName = 24;  ///< ftfy's limit

bool is_digit(char32_t c) { return c >= U'0' && c <= U'9'; }

bool is_alphanumeric(char32_t c) {
  return is_digit(c) || (c >= U'a' && c <= U'z') || (c >= U'A' && c <= U'Z');
}

/// The value of a hexadecimal digit, or -1.
int hex_value(char32_t c) {
  if (is_digit(c)) return static_cast<int>(c - U'0');
  if (c >= U'a' && c <= U'f') return static_cast<int>(c - U'a') + 10;
  if (c >= U'A' && c <= U'F') return static_cast<int>(c - U'A') + 10;
  return -1;
}

std::optional<std::u32string> named(std::string_view name) {
  const auto* found = std::lower_bound(
      std::begin(kEntities), std::end(kEntities), name,
      [](const Entity& entity, std::string_view wanted) { return entity.name < wanted; });
  if (found == std::end(kEntities) || found->name != name) return std::nullopt;
  std::u32string text(1, found->first);
  if (found->second != 0) text.push_back(found->second);
  return text;
}

/// Characters that HTML forbids a reference to name, except those that it gives a meaning.
bool is_forbidden(char32_t code) {
  const bool control = (code >= 0x01 && code <= 0x08) || code == 0x0B ||
                       (code >= 0x0E && code <= 0x1F) || (code >= 0x7F && code <= 0x9F);
  const bool noncharacter = (code >= 0xFDD0 && code <= 0xFDEF) || (code & 0xFFFE) == 0xFFFE;
  return control || noncharacter;
}

std::u32string numeric(std::uint32_t code) {
  if (code == 0) return U"\uFFFD";
  if (code >= 0x80 && code <= 0x9F) return std::u32string(1, windows_1252(code));
  if ((code >= 0xD800 && code <= 0xDFFF) || code > 0x10FFFF) return U"\uFFFD";
  if (is_forbidden(code)) return U"";
  return std::u32string(1, code);
}

/// A reference that was read: its end and what it stands for.
struct Reference {
  std::size_t end;
  std::u32string text;
};

/// Reads "#233;" or "#xE9;" after the ampersand at `begin` - 1; the semicolon is optional.
std::optional<Reference> read_numeric(const std::u32string& text, std::size_t begin) {
  std::size_t i = begin + 1;
  const bool hexadecimal = i < text.size() && (text[i] == U'x' || text[i] == U'X');
  if (hexadecimal) ++i;
  const std::size_t digits = i;
  std::uint32_t code = 0;
  for (; i < text.size(); ++i) {
    const int digit = hex_value(text[i]);
    if (digit < 0 || (digit > 9 && !hexadecimal)) break;
    code = std::min<std::uint32_t>(code * (hexadecimal ? 16 : 10) + static_cast<unsigned>(digit),
                                   0x110000);
  }
  if (i == digits) return std::nullopt;
  if (i < text.size() && text[i] == U';') ++i;
  return Reference{i, numeric(code)};
}

bool ends_name(char32_t c) {
  return c == U'\t' || c == U'\n' || c == U'\f' || c == U' ' || c == U'<' || c == U'&' ||
         c == U'#' || c == U';';
}

/// Reads the longest known name at `begin`; what follows it stays text.
std::optional<Reference> read_name(const std::u32string& text, std::size_t begin) {
  std::size_t end = begin;
  std::string name;
  while (end < text.size() && end - begin < kLongestName && !ends_name(text[end])) {
    name.push_back(text[end] < 0x80 ? static_cast<char>(text[end]) : '\xFF');
    ++end;
  }
  if (name.empty()) return std::nullopt;
  if (end < text.size() && text[end] == U';') name.push_back(';');
  if (auto whole = named(name)) return Reference{begin + name.size(), *whole};
  for (std::size_t length = name.size() - 1; length >= 2; --length) {
    const auto prefix = named(std::string_view(name).substr(0, length));
    if (prefix) return Reference{begin + length, *prefix};
  }
  return std::nullopt;
}

/// Reads "&name;" in capitals of a name that is otherwise all lower case.
std::optional<std::u32string> capital_name(const std::u32string& reference) {
  if (html_unescape(reference) != reference) return std::nullopt;
  std::string name;
  for (const char32_t c : std::u32string_view(reference).substr(1)) {
    if (c >= U'a' && c <= U'z') return std::nullopt;
    name.push_back(static_cast<char>(c >= U'A' && c <= U'Z' ? c + (U'a' - U'A') : c));
  }
  const auto small = named(name);
  if (!small) return std::nullopt;
  return upper_case(*small);
}

/// What ftfy replaces "&name;" or "&#233;" with, or nothing if it leaves it.
std::optional<std::u32string> terminated(const std::u32string& reference) {
  if (reference[1] == U'#') {
    std::u32string text = html_unescape(reference);
    if (text.find(U';') != std::u32string::npos) return std::nullopt;
    return text;
  }
  const std::string name = to_utf8(std::u32string_view(reference).substr(1));
  if (auto exact = named(name)) return exact;
  return capital_name(reference);
}

}  // namespace

char32_t windows_1252(char32_t byte) {
  constexpr char32_t kHigh[32] = {0x20AC, 0x81,   0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021,
                                  0x02C6, 0x2030, 0x0160, 0x2039, 0x0152, 0x8D,   0x017D, 0x8F,
                                  0x90,   0x2018, 0x2019, 0x201C, 0x201D, 0x2022, 0x2013, 0x2014,
                                  0x02DC, 0x2122, 0x0161, 0x203A, 0x0153, 0x9D,   0x017E, 0x0178};
  return byte >= 0x80 && byte <= 0x9F ? kHigh[byte - 0x80] : byte;
}

std::u32string html_unescape(const std::u32string& text) {
  std::u32string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size();) {
    std::optional<Reference> found;
    if (text[i] == U'&' && i + 1 < text.size()) {
      found = text[i + 1] == U'#' ? read_numeric(text, i + 1) : read_name(text, i + 1);
    }
    if (found) {
      out += found->text;
      i = found->end;
    } else {
      out.push_back(text[i++]);
    }
  }
  return out;
}

std::u32string unescape_terminated_references(const std::u32string& text) {
  std::u32string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size();) {
    std::size_t end = i + 1;
    if (text[i] == U'&') {
      if (end < text.size() && text[end] == U'#') ++end;
      const std::size_t begin = end;
      while (end < text.size() && is_alphanumeric(text[end])) ++end;
      const std::size_t length = end - begin;
      if (end < text.size() && text[end] == U';' && length >= 1 &&
          length <= kLongestTerminatedName) {
        ++end;
        const std::u32string reference = text.substr(i, end - i);
        out += terminated(reference).value_or(reference);
        i = end;
        continue;
      }
    }
    out.push_back(text[i++]);
  }
  return out;
}

}  // namespace clipq
