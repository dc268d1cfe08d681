#pragma once

#include <string>
#include <string_view>

namespace clipq {

/// A caption or prompt as CLIP's tokenizer wants it: fix_text(), HTML references replaced twice,
/// white space collapsed to single spaces and trimmed, lower case. Takes and returns UTF-8;
/// ill-formed bytes become U+FFFD.
std::string clean_text(std::string_view text);

}  // namespace clipq
