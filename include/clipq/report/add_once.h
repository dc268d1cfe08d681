#pragma once

#include <algorithm>
#include <vector>

namespace clipq {

/// Appends `item` unless it is already present.
template <typename Item>
void add_once(const Item& item, std::vector<Item>& items) {
  if (std::find(items.begin(), items.end(), item) == items.end()) items.push_back(item);
}

}  // namespace clipq
