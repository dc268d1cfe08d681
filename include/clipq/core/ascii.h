#pragma once

#include <string>
#include <string_view>

namespace clipq {

/// The text without blanks, tabs and line ends around it.
std::string trimmed(std::string_view text);

/// The text with ASCII's capitals as small letters.
std::string lower_case(std::string text);

}  // namespace clipq
