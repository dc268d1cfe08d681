#include "clipq/core/enumeration.h"

#include "clipq/core/strings.h"

namespace clipq {

std::string enumeration(const std::vector<std::string>& items, const std::string& conjunction) {
  if (items.size() < 2) return join(items, "");
  const std::vector<std::string> first(items.begin(), items.end() - 1);
  return cat(join(first, ", "), " ", conjunction, " ", items.back());
}

}  // namespace clipq
