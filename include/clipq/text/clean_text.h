#pragma once

#include <string>
#include <string_view>

namespace clipq {

/// A caption or prompt as CLIP's tokenizer wants it: fix_text(), HTML references replaced twice,
/// white space collapsed to single blanks and trimmed, lower case. Takes and gives UTF-8; what is
/// ill-formed becomes U+FFFD.
std::string clean_text(std::string_view text);

}  // namespace clipq
