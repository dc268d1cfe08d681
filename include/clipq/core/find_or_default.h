#pragma once

#include <map>
#include <string>

namespace clipq {

/// The value of `name`, or a default-constructed one if there is none.
template <typename Value>
Value find_or_default(const std::map<std::string, Value>& values, const std::string& name) {
  const auto found = values.find(name);
  return found == values.end() ? Value() : found->second;
}

}  // namespace clipq
