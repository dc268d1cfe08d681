#include "hugging_face_layers.h"

#include <ATen/ops/cat.h>

#include <string_view>
#include <utility>
#include <vector>

#include "clipq/core/error.h"
#include "clipq/core/strings.h"

namespace clipq {
namespace {

constexpr std::array<std::string_view, 3> kProjections = {"q_proj", "k_proj", "v_proj"};
constexpr std::string_view kPositionIds = ".embeddings.position_ids";

/// Joins the projections of one attention, for "weight" or "bias": rows of q, then k, then v.
at::Tensor joined(StateDict& state, const std::string& attention, const std::string& kind,
                  const std::string& where) {
  std::vector<at::Tensor> parts;
  for (const std::string_view projection : kProjections) {
    const std::string name = cat(attention, projection, ".", kind);
    const at::Tensor part = take_tensor(state, name, where);
    if (part.dim() == 0 || (!parts.empty() && (part.sizes() != parts[0].sizes() ||
                                               part.scalar_type() != parts[0].scalar_type()))) {
      throw InputError(cat(where, ": ", name, " has shape ", part.sizes(),
                           ", which doesn't fit the other projections"));
    }
    parts.push_back(part);
  }
  return at::cat(parts);
}

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
    at::Tensor tensor = joined(state, attention, kind, where);
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
