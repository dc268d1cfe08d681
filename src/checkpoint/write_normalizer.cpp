#include "write_normalizer.h"

#include <algorithm>

namespace clipq {
namespace {

constexpr const char* kWordBeginning = "\xE2\x96\x81";  ///< U+2581, which stands for a blank

SortedJson plain(const char* type) { return SortedJson::object({{"type", type}}); }

SortedJson replace(const char* kind, const char* pattern, const char* content) {
  return {{"type", "Replace"}, {"pattern", {{kind, pattern}}}, {"content", content}};
}

SortedJson replace_all(const char* regex, const char* content) {
  return replace("Regex", regex, content);
}

/// Curly quotes, invisible characters and composition, of all that fix_text() does.
std::vector<SortedJson> fix_text_normalizers() {
  return {replace_all(R"([\u02BC\u2018-\u201B])", "'"), replace_all(R"([\u201C-\u201F])", "\""),
          replace_all(R"([\x00-\x08\x0B\x0E-\x1F\x7F\u206A-\u206F\uFEFF\uFFF9-\uFFFC])", ""),
          plain("NFC")};
}

std::vector<SortedJson> normalizers_of(CleaningStep step) {
  switch (step) {
    case CleaningStep::kFixText:
      return fix_text_normalizers();
    case CleaningStep::kUnescapeHtml:
      return {};
    case CleaningStep::kNfc:
      return {plain("NFC")};
    case CleaningStep::kLower:
      // The sigma at the end of a word, which "Lowercase" makes one in the middle.
      return {replace_all(R"(\B\u03A3\b)", "\xCF\x82"), plain("Lowercase")};
    case CleaningStep::kLowerCharacters:
      return {plain("Lowercase")};
    case CleaningStep::kCollapseSpaces:
      return {replace_all(R"([\s\x1C-\x1F]+)", " "),
              SortedJson{{"type", "Strip"}, {"strip_left", true}, {"strip_right", true}}};
    case CleaningStep::kReplaceSpaces:
      return {replace_all(R"(\s+)", " ")};
    case CleaningStep::kDropPunctuation:
      return {replace_all(R"([!-\/:-@\[-`{-~])", "")};
    case CleaningStep::kBlankUnderscores:
      return {replace("String", "_", " ")};
    case CleaningStep::kMarkWordBeginnings:
      return {replace("String", " ", kWordBeginning)};
  }
  return {};
}

bool has(const TextCleaning& cleaning, CleaningStep step) {
  return std::find(cleaning.begin(), cleaning.end(), step) != cleaning.end();
}

}  // namespace

std::vector<SortedJson> normalizers_of(const TextCleaning& cleaning) {
  std::vector<SortedJson> all;
  for (const CleaningStep step : cleaning) {
    for (SortedJson& each : normalizers_of(step)) all.push_back(std::move(each));
  }
  return all;
}

std::vector<std::string> unnormalized(const TextCleaning& cleaning) {
  std::vector<std::string> all;
  if (has(cleaning, CleaningStep::kFixText)) {
    all.emplace_back(
        "the repair of ligatures, full-width characters and remains of other encodings");
  }
  if (has(cleaning, CleaningStep::kUnescapeHtml)) all.emplace_back("HTML references as \"&amp;\"");
  return all;
}

}  // namespace clipq
