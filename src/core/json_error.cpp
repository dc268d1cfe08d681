#include "json_error.h"

#include <algorithm>
#include <array>
#include <utility>

namespace clipq {
namespace {

constexpr std::size_t kShown = 24;

using Words = std::pair<std::string_view, std::string_view>;

/// Part of nlohmann's message, and its meaning; the first match counts.
constexpr std::array<Words, 10> kExpected = {
    {{"; expected end of input", "nothing after the document"},
     {"parsing object key", "a key in double quotes"},
     {"parsing object separator", "a colon after the key"},
     {"parsing object", "a comma or a }"},
     {"parsing array", "a comma or a ]"},
     {"invalid number", "a number such as 1, -0.5 or 2e3"},
     {"control character", "no line break or other control character within a string"},
     {"surrogate", "two \\u escapes that form one character"},
     {"missing closing quote", "a double quote at the end of the string"},
     {"forbidden character", "one of \\\" \\\\ \\/ \\b \\f \\n \\r \\t \\u after a backslash"}}};

bool is_text_character(unsigned char c) { return c >= 0x20 && c < 0x7f; }

/// The text at `at`, quoted: the rest of the word, or one punctuation mark.
std::string shown_at(std::string_view text, std::size_t at) {
  const auto ends_word = [](char c) {
    return std::string_view(" \t\r\n,:[]{}\"").find(c) != std::string_view::npos;
  };
  std::size_t begin = at;
  while (begin > 0 && at - begin < kShown && !ends_word(text[begin]) &&
         !ends_word(text[begin - 1])) {
    --begin;
  }
  std::size_t end = begin;
  while (end < text.size() && end - begin < kShown && !ends_word(text[end])) ++end;
  const std::string_view word = text.substr(begin, std::max<std::size_t>(1, end - begin));
  if (word == "\n" || word == "\r\n" || word == "\r") return "a line break";
  if (std::all_of(word.begin(), word.end(), is_text_character)) return cat("'", word, "'");
  return "bytes that are not text; is the file saved as UTF-8?";
}

}  // namespace

std::string describe_json_error(std::string_view text, const nlohmann::json::parse_error& failure) {
  const std::string_view reason = failure.what();
  const std::size_t at = std::min(text.size(), failure.byte > 0 ? failure.byte - 1 : 0);
  const std::string_view before = text.substr(0, at);
  const auto line = std::count(before.begin(), before.end(), '\n') + 1;
  const auto line_begin = before.rfind('\n');
  const auto column = at - (line_begin == std::string_view::npos ? 0 : line_begin + 1) + 1;
  const std::string place = cat(line, ":", column, ": not valid JSON: ");
  if (reason.find("ill-formed UTF-8") != std::string_view::npos) {
    return cat(place, "a string has bytes that are not UTF-8; save the file as UTF-8");
  }
  const auto* const expected = std::find_if(
      kExpected.begin(), kExpected.end(),
      [reason](const Words& words) { return reason.find(words.first) != std::string_view::npos; });
  return cat(
      place, "expected ",
      expected == kExpected.end()
          ? "a value (an object, a list, a string in double quotes, a number, true, false, null)"
          : expected->second,
      ", got ", at == text.size() ? "the end" : shown_at(text, at));
}

}  // namespace clipq
