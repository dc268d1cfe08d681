#include "clipq/text/split_words.h"

#include <array>

#include "clipq/text/unicode.h"

namespace clipq {
namespace {

constexpr std::array<std::u32string_view, 9> kLiterals = {
    U"<start_of_text>", U"<end_of_text>", U"'s", U"'t", U"'re", U"'ve", U"'m", U"'ll", U"'d"};

/// In lower-case text, ignoring case makes one more character equal to an ASCII letter: the long s.
char32_t fold(char32_t c) { return c == 0x17F ? U's' : c; }

bool matches_at(std::u32string_view text, std::size_t begin, std::u32string_view literal) {
  if (text.size() - begin < literal.size()) return false;
  for (std::size_t i = 0; i < literal.size(); ++i) {
    if (fold(text[begin + i]) != literal[i]) return false;
  }
  return true;
}

/// U+0345 is the combining iota: ignoring case, the reference's pattern takes it for a letter in
/// the class that excludes letters but not in the one that asks for them, so it matches nothing.
bool is_other(char32_t c) { return !is_space(c) && !is_letter(c) && !is_number(c) && c != 0x345; }

/// The end of the piece that begins at `begin`; `begin` itself if none does.
std::size_t piece_end(std::u32string_view text, std::size_t begin) {
  for (const std::u32string_view literal : kLiterals) {
    if (matches_at(text, begin, literal)) return begin + literal.size();
  }
  std::size_t end = begin;
  if (is_letter(text[begin])) {
    while (end < text.size() && is_letter(text[end])) ++end;
  } else if (is_number(text[begin])) {
    ++end;
  } else {
    while (end < text.size() && is_other(text[end])) ++end;
  }
  return end;
}

}  // namespace

std::vector<std::string> split_words(std::string_view cleaned) {
  const std::u32string text = to_utf32(cleaned);
  std::vector<std::string> words;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = piece_end(text, begin);
    if (end == begin) {
      ++begin;
      continue;
    }
    words.push_back(to_utf8(std::u32string_view(text).substr(begin, end - begin)));
    begin = end;
  }
  return words;
}

}  // namespace clipq
