#include "hugging_face_layers.h"

#include <string_view>
#include <utility>
#include <vector>

#include "clipq/core/strings.h"

namespace clipq {
namespace {

constexpr std::string_view kPositionIds = ".embeddings.position_ids";

}  // namespace

void join_projections(StateDict& state, const std::string& where) {
  std::erase_if(state, [](const auto& entry) { return entry.first.ends_with(kPositionIds); });
  constexpr std::string_view kQuery = ".self_attn.q_proj.";
  std::vector<std::string> queries;
  for (const auto& [name, tensor] : state) {
    if (name.find(kQuery) != std::string::npos) queries.push_back(name);
  }
  for (const std::string& name : queries) {
    const std::size_t at = name.find(kQuery);
    const std::string attention = name.substr(0, at) + ".self_attn.";
    const std::string kind = name.substr(at + kQuery.size());
    at::Tensor tensor = take_projections(state, attention, kind, where);
    state[cat(name.substr(0, at), ".attn.in_proj_", kind)] = std::move(tensor);
  }
}

std::string separate_projection(std::string name) {
  constexpr std::string_view kJoined = ".attn.in_proj_";
  const std::size_t at = name.find(kJoined);
  if (at != std::string::npos) name.replace(at, kJoined.size(), ".self_attn.q_proj.");
  return name;
}

}  // namespace clipq
