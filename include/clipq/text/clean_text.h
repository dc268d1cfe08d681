#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace clipq {

/// One step by which a tokenizer cleans texts.
enum class CleaningStep {
  kFixText,            ///< fix_text()
  kUnescapeHtml,       ///< html_unescape(), twice
  kNfc,                ///< normalize_nfc()
  kLower,              ///< lower_case()
  kLowerCharacters,    ///< lower_case() of each character by itself: no final sigma
  kCollapseSpaces,     ///< white space becomes single blanks, none at the ends
  kReplaceSpaces,      ///< each run of white space becomes one blank
  kDropPunctuation,    ///< deletes ASCII punctuation: Python's string.punctuation
  kBlankUnderscores,   ///< "_" becomes a blank
  kMarkWordBeginnings  ///< blanks become U+2581, as SentencePiece writes them
};

/// Steps in the order in which they are applied.
using TextCleaning = std::vector<CleaningStep>;

/// open_clip's `clean="lower"`, its default for OpenAI's tokenizer.
const TextCleaning& open_clip_lower();
/// open_clip's `clean="whitespace"`, its default for Hugging Face's tokenizers.
const TextCleaning& open_clip_whitespace();
/// open_clip's `clean="canonicalize"`, which deletes punctuation.
const TextCleaning& open_clip_canonicalize();
/// What CLIPTokenizerFast does before it splits a text into words.
const TextCleaning& hugging_face_clip_cleaning();
/// What SiglipTokenizer does before SentencePiece, beside lower case.
const TextCleaning& hugging_face_siglip_cleaning();

/// The text after all steps. Takes and returns UTF-8; ill-formed bytes become U+FFFD.
std::string clean_text(std::string_view text, const TextCleaning& cleaning);

/// The step's name in an artifact: "fix_text", "nfc", ….
const char* name_of(CleaningStep step);

/// The steps of that names. Throws InputError that names `where` and the first unknown one.
TextCleaning parse_cleaning(const std::vector<std::string>& names, const std::string& where);

}  // namespace clipq
