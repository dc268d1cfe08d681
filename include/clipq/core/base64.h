#pragma once

#include <string>
#include <string_view>

namespace clipq {

/// The bytes in base64 (RFC 4648, with padding, without line breaks).
std::string base64(std::string_view bytes);

}  // namespace clipq
