#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace clipq {

/// Whose regular expression splits words; they differ in what isn't text in plain letters.
enum class WordPattern {
  kOpenClip,    ///< knows its special tokens' literal spellings, ignores case
  kHuggingFace  ///< CLIPTokenizerFast's
};

/// The pieces of cleaned text that CLIP's tokenizer encodes one by one, as UTF-8: a special token's
/// literal spelling, an English contraction's ending ("'s", "'ll"), a run of letters, one number
/// character, or a run of anything else but white space.
std::vector<std::string> split_words(std::string_view cleaned, WordPattern pattern);

}  // namespace clipq
