#include "clipq/text/split_words.h"

#include <array>

#include "clipq/text/unicode.h"

namespace clipq {
namespace {

constexpr std::array<std::u32string_view, 2> kSpecialTokens = {U"<start_of_text>",
                                                               U"<end_of_text>"};
constexpr std::array<std::u32string_view, 7> kContractions = {U"'s", U"'t",  U"'re", U"'ve",
                                                              U"'m", U"'ll", U"'d"};

class WordSplitter {
 public:
  WordSplitter(std::u32string_view text, WordPattern pattern)
      : text_(text), ignores_case_(pattern == WordPattern::kOpenClip) {}

  /// The end of the piece that begins at `begin`; `begin` itself if none does.
  std::size_t piece_end(std::size_t begin) const {
    if (const std::size_t length = literal_at(begin)) return begin + length;
    std::size_t end = begin;
    if (is_letter(text_[begin])) {
      while (end < text_.size() && is_letter(text_[end])) ++end;
    } else if (is_number(text_[begin])) {
      ++end;
    } else {
      while (end < text_.size() && is_other(text_[end])) ++end;
    }
    return end;
  }

 private:
  /// The length of the special token or contraction that begins there; 0 if none does.
  std::size_t literal_at(std::size_t begin) const {
    if (ignores_case_) {
      for (const auto literal : kSpecialTokens) {
        if (matches_at(begin, literal)) return literal.size();
      }
    }
    for (const auto literal : kContractions) {
      if (matches_at(begin, literal)) return literal.size();
    }
    return 0;
  }

  bool matches_at(std::size_t begin, std::u32string_view literal) const {
    if (text_.size() - begin < literal.size()) return false;
    for (std::size_t i = 0; i < literal.size(); ++i) {
      if (folded(text_[begin + i]) != literal[i]) return false;
    }
    return true;
  }

  /// In lower-case text, ignoring case makes one more character equal to an ASCII letter: the long
  /// s.
  char32_t folded(char32_t c) const { return ignores_case_ && c == 0x17F ? U's' : c; }

  bool is_other(char32_t c) const {
    if (is_letter(c) || is_number(c)) return false;
    // U+0345 is the combining iota: ignoring case, open_clip's pattern takes it for a letter in the
    // class that excludes letters but not in the one that asks for them, so it matches nothing.
    return ignores_case_ ? !is_space(c) && c != 0x345 : !is_white_space(c);
  }

  std::u32string_view text_;
  bool ignores_case_;
};

}  // namespace

std::vector<std::string> split_words(std::string_view cleaned, WordPattern pattern) {
  const std::u32string text = to_utf32(cleaned);
  const WordSplitter splitter(text, pattern);
  std::vector<std::string> words;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = splitter.piece_end(begin);
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
