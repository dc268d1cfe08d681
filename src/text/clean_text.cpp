#include "clipq/text/clean_text.h"

#include <algorithm>
#include <array>

#include "clipq/core/error.h"
#include "clipq/core/strings.h"
#include "clipq/text/fix_text.h"
#include "clipq/text/html_unescape.h"
#include "clipq/text/unicode.h"

namespace clipq {
namespace {

using Step = std::u32string (*)(const std::u32string& text);

std::u32string unescape_twice(const std::u32string& text) {
  return html_unescape(html_unescape(text));
}

std::u32string lower_characters(const std::u32string& text) {
  std::u32string out;
  out.reserve(text.size());
  for (const char32_t c : text) {
    if (c < 0x80) {
      out.push_back(c >= U'A' && c <= U'Z' ? c + (U'a' - U'A') : c);
    } else {
      out += lower_case({c});
    }
  }
  return out;
}

std::u32string collapse_spaces(const std::u32string& text) {
  std::u32string out;
  out.reserve(text.size());
  bool pending = false;
  for (const char32_t c : text) {
    if (is_space(c)) {
      pending = !out.empty();
      continue;
    }
    if (pending) out.push_back(U' ');
    pending = false;
    out.push_back(c);
  }
  return out;
}

std::u32string replace_spaces(const std::u32string& text) {
  std::u32string out;
  out.reserve(text.size());
  bool in_run = false;
  for (const char32_t c : text) {
    const bool space = is_white_space(c);
    if (!space) out.push_back(c);
    if (space && !in_run) out.push_back(U' ');
    in_run = space;
  }
  return out;
}

bool is_ascii_punctuation(char32_t c) {
  return (c >= 0x21 && c <= 0x2F) || (c >= 0x3A && c <= 0x40) || (c >= 0x5B && c <= 0x60) ||
         (c >= 0x7B && c <= 0x7E);
}

std::u32string drop_punctuation(const std::u32string& text) {
  std::u32string out = text;
  std::erase_if(out, is_ascii_punctuation);
  return out;
}

std::u32string blank_underscores(const std::u32string& text) {
  std::u32string out = text;
  std::replace(out.begin(), out.end(), U'_', U' ');
  return out;
}

std::u32string mark_word_beginnings(const std::u32string& text) {
  std::u32string out = text;
  std::replace(out.begin(), out.end(), U' ', U'\u2581');
  return out;
}

struct NamedStep {
  CleaningStep step;
  const char* name;
  Step apply;
};

constexpr std::array<NamedStep, 10> kSteps = {
    {{CleaningStep::kFixText, "fix_text", fix_text},
     {CleaningStep::kUnescapeHtml, "unescape_html", unescape_twice},
     {CleaningStep::kNfc, "nfc", normalize_nfc},
     {CleaningStep::kLower, "lower", lower_case},
     {CleaningStep::kLowerCharacters, "lower_characters", lower_characters},
     {CleaningStep::kCollapseSpaces, "collapse_spaces", collapse_spaces},
     {CleaningStep::kReplaceSpaces, "replace_spaces", replace_spaces},
     {CleaningStep::kDropPunctuation, "drop_punctuation", drop_punctuation},
     {CleaningStep::kBlankUnderscores, "blank_underscores", blank_underscores},
     {CleaningStep::kMarkWordBeginnings, "mark_word_beginnings", mark_word_beginnings}}};

const NamedStep& row_of(CleaningStep step) {
  return *std::find_if(kSteps.begin(), kSteps.end(),
                       [step](const NamedStep& each) { return each.step == step; });
}

}  // namespace

const TextCleaning& open_clip_lower() {
  static const TextCleaning steps = {CleaningStep::kFixText, CleaningStep::kUnescapeHtml,
                                     CleaningStep::kCollapseSpaces, CleaningStep::kLower};
  return steps;
}

const TextCleaning& open_clip_whitespace() {
  static const TextCleaning steps = {CleaningStep::kFixText, CleaningStep::kUnescapeHtml,
                                     CleaningStep::kCollapseSpaces};
  return steps;
}

const TextCleaning& open_clip_canonicalize() {
  static const TextCleaning steps = {
      CleaningStep::kFixText,         CleaningStep::kUnescapeHtml, CleaningStep::kBlankUnderscores,
      CleaningStep::kDropPunctuation, CleaningStep::kLower,        CleaningStep::kCollapseSpaces};
  return steps;
}

const TextCleaning& hugging_face_clip_cleaning() {
  static const TextCleaning steps = {CleaningStep::kNfc, CleaningStep::kReplaceSpaces,
                                     CleaningStep::kLowerCharacters};
  return steps;
}

const TextCleaning& hugging_face_siglip_cleaning() {
  static const TextCleaning steps = {CleaningStep::kDropPunctuation, CleaningStep::kCollapseSpaces};
  return steps;
}

std::string clean_text(std::string_view text, const TextCleaning& cleaning) {
  std::u32string cleaned = to_utf32(text);
  for (const CleaningStep step : cleaning) cleaned = row_of(step).apply(cleaned);
  return to_utf8(cleaned);
}

const char* name_of(CleaningStep step) { return row_of(step).name; }

TextCleaning parse_cleaning(const std::vector<std::string>& names, const std::string& where) {
  TextCleaning cleaning;
  for (const std::string& name : names) {
    const auto found = std::find_if(kSteps.begin(), kSteps.end(),
                                    [&](const NamedStep& each) { return name == each.name; });
    if (found == kSteps.end()) {
      throw InputError(cat(where, ": unknown step \"", name, "\" of a tokenizer's text cleaning"));
    }
    cleaning.push_back(found->step);
  }
  return cleaning;
}

}  // namespace clipq
