#pragma once

#include <string>
#include <string_view>

#include "clipq/core/json.h"

namespace clipq {

/// Where parsing failed and why, in plain words: "3:7: not valid JSON: expected a comma or a }, got
/// "x"".
std::string describe_json_error(std::string_view text, const nlohmann::json::parse_error& failure);

}  // namespace clipq
