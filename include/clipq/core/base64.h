#pragma once

#include <string>
#include <string_view>

namespace clipq {

/// The bytes in base64 (RFC 4648, with padding, without line breaks).
std::string base64(std::string_view bytes);

/// What base64() was given. Throws InputError that names `where` if the text isn't base64.
std::string from_base64(std::string_view text, const std::string& where);

}  // namespace clipq
