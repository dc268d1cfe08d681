#pragma once

#include <string>
#include <vector>

namespace clipq {

/// The items as a sentence lists them: "a", "a and b", "a, b and c".
/// @param conjunction before the last one: "and", "or"
std::string enumeration(const std::vector<std::string>& items, const std::string& conjunction);

}  // namespace clipq
