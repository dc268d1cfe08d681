#pragma once

#include <string>
#include <string_view>

#include "clipq/core/json.h"

namespace clipq {

/// parse_json() of a document that nobody vouches for and that is short: one with more than a
/// million values is refused, since a byte of text can become a hundred in memory. Throws
/// InputError.
Json parse_bounded_json(std::string_view text, const std::string& where);

}  // namespace clipq
