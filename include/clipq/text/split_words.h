#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace clipq {

/// The pieces of cleaned text that CLIP's tokenizer encodes one by one, as UTF-8: a special token's
/// literal spelling, an English contraction's ending ("'s", "'ll"), a run of letters, one number
/// character, or a run of anything else but white space.
std::vector<std::string> split_words(std::string_view cleaned);

}  // namespace clipq
