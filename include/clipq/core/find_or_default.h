#pragma once

#include <map>

namespace clipq {

/// The value of a key, or a default-constructed one if there is none.
template <typename Key, typename Value>
Value find_or_default(const std::map<Key, Value>& values,
                      const typename std::map<Key, Value>::key_type& key) {
  const auto found = values.find(key);
  return found == values.end() ? Value() : found->second;
}

}  // namespace clipq
