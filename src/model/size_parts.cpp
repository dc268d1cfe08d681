#include "clipq/model/size_parts.h"

#include <array>
#include <map>
#include <set>

#include "clipq/core/strings.h"

namespace clipq {
namespace {

constexpr std::array<const char*, 5> kParts = {"image blocks", "image rest", "token embedding",
                                               "text blocks", "text rest"};

const char* part_of(const std::string& tensor) {
  if (starts_with(tensor, "visual.transformer.")) return kParts[0];
  if (starts_with(tensor, "visual.")) return kParts[1];
  if (starts_with(tensor, "token_embedding.")) return kParts[2];
  return starts_with(tensor, "transformer.") ? kParts[3] : kParts[4];
}

}  // namespace

std::vector<std::pair<std::string, std::int64_t>> size_parts(const StateDict& state,
                                                             std::int64_t file_bytes) {
  std::map<std::string, std::int64_t> bytes;
  std::set<const void*> seen;
  std::int64_t archive = file_bytes;
  for (const auto& [name, tensor] : state) {
    const auto size = static_cast<std::int64_t>(tensor.nbytes());
    if (size == 0 || !seen.insert(tensor.const_data_ptr()).second) continue;
    bytes[part_of(name)] += size;
    archive -= size;
  }
  std::vector<std::pair<std::string, std::int64_t>> parts;
  parts.reserve(kParts.size() + 1);
  for (const char* part : kParts) parts.emplace_back(part, bytes[part]);
  parts.emplace_back("archive", archive);
  return parts;
}

}  // namespace clipq
