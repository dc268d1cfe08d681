#include "clipq/core/differing_keys.h"

#include <vector>

#include "clipq/core/json.h"
#include "clipq/core/strings.h"

namespace clipq {

std::string differing_keys(const std::string& a, const std::string& b) {
  const Json one = parse_json(a, "fingerprint");
  const Json other = parse_json(b, "fingerprint");
  std::vector<std::string> keys;
  for (const auto& [key, value] : one.items()) {
    if (!other.contains(key) || other.at(key) != value) keys.push_back(key);
  }
  return join(keys, ", ");
}

}  // namespace clipq
