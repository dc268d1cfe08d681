#include "clipq/model/size_parts.h"

#include <algorithm>
#include <array>
#include <map>
#include <set>

#include "clipq/model/parts.h"

namespace clipq {
namespace {

constexpr std::array<const char*, 5> kParts = {"image blocks", "image rest", "token embedding",
                                               "text blocks", "text rest"};

const char* part_of(const PartPlace& place) {
  if (place.tower == Tower::kImage) return place.block ? kParts[0] : kParts[1];
  return place.block ? kParts[3] : kParts[4];
}

/// What the tensors of each part of a model belong to, by the part's name.
std::map<std::string, const char*> named_parts(const ModelParts& parts) {
  std::map<std::string, const char*> names;
  for (const LinearPart& part : parts.linears) names[part.name] = part_of(part);
  for (const AttentionPart& part : parts.attentions) names[part.name] = part_of(part);
  for (const TensorPart& part : parts.tensors) names[part.name] = part_of(part);
  for (const EmbeddingPart& part : parts.embeddings) names[part.name] = kParts[2];
  return names;
}

/// The innermost part whose path a tensor's name begins with, or `otherwise`.
template <typename Value>
Value innermost(std::string path, const std::map<std::string, Value>& parts, Value otherwise) {
  for (;;) {
    const auto found = parts.find(path);
    if (found != parts.end()) return found->second;
    const std::size_t last = path.rfind('.');
    if (last == std::string::npos) return otherwise;
    path.resize(last);
  }
}

/// What belongs to no part counts to the text's rest.
const char* part_of(const std::string& path, const std::map<std::string, const char*>& names) {
  return innermost(path, names, kParts[4]);
}

}  // namespace

std::vector<std::pair<std::string, std::int64_t>> parameter_counts(const ModelParts& parts) {
  std::map<std::string, std::int64_t> counts;
  for (const TensorPart& part : parts.tensors) {
    std::int64_t values = 1;
    for (const std::int64_t size : part.shape) values *= size;
    counts[part_of(part)] += values;
  }
  for (const EmbeddingPart& part : parts.embeddings) counts[kParts[2]] += part.entries * part.width;
  for (const LinearPart& part : parts.linears) {
    counts[part_of(part)] += part.out_features * (part.in_features + (part.has_bias() ? 1 : 0));
  }
  std::vector<std::pair<std::string, std::int64_t>> out;
  out.reserve(kParts.size());
  for (const char* part : kParts) out.emplace_back(part, counts[part]);
  return out;
}

std::int64_t tower_sum(const std::vector<std::pair<std::string, std::int64_t>>& parts, Tower tower,
                       bool with_embedding) {
  const std::size_t first = tower == Tower::kImage ? 0 : with_embedding ? 2 : 3;
  const std::size_t end = tower == Tower::kImage ? 2 : kParts.size();
  std::int64_t sum = 0;
  for (const auto& [part, value] : parts) {
    if (std::find(kParts.begin() + first, kParts.begin() + end, part) != kParts.begin() + end) {
      sum += value;
    }
  }
  return sum;
}

TensorBytes tensor_bytes(const StateDict& state) {
  TensorBytes bytes;
  std::set<const void*> seen;
  for (const auto& [name, tensor] : state) {
    const auto size = static_cast<std::int64_t>(tensor.nbytes());
    if (size > 0 && seen.insert(tensor.const_data_ptr()).second) bytes[name] = size;
  }
  return bytes;
}

std::vector<std::pair<std::string, std::int64_t>> size_parts(const ModelParts& parts,
                                                             const TensorBytes& stored,
                                                             std::int64_t file_bytes) {
  const std::map<std::string, const char*> names = named_parts(parts);
  std::map<std::string, std::int64_t> bytes;
  std::int64_t archive = file_bytes;
  for (const auto& [name, size] : stored) {
    bytes[part_of(name, names)] += size;
    archive -= size;
  }
  std::vector<std::pair<std::string, std::int64_t>> sizes;
  sizes.reserve(kParts.size() + 1);
  for (const char* part : kParts) sizes.emplace_back(part, bytes[part]);
  sizes.emplace_back("archive", archive);
  return sizes;
}

TensorBytes bytes_by_group(const ModelParts& parts, const TensorBytes& stored) {
  std::map<std::string, std::string> groups;
  for (const LinearPart& part : parts.linears) groups[part.name] = part.group_name();
  for (const AttentionPart& part : parts.attentions) groups[part.name] = part.group_name();
  for (const EmbeddingPart& part : parts.embeddings) groups[part.name] = part.group_name();
  TensorBytes bytes;
  for (const auto& [name, size] : stored) bytes[innermost(name, groups, std::string())] += size;
  return bytes;
}

}  // namespace clipq
