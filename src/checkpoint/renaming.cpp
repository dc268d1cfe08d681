#include "renaming.h"

#include <ATen/ops/cat.h>

#include <array>
#include <utility>
#include <vector>

#include "clipq/core/error.h"
#include "clipq/core/strings.h"

namespace clipq {
namespace {

constexpr std::array<std::string_view, 3> kProjections = {"q_proj", "k_proj", "v_proj"};

std::string renamed_in_block(std::string name, std::span<const Renaming> in_blocks) {
  for (const Renaming& each : in_blocks) {
    const std::size_t at = name.find(each.theirs);
    if (at != std::string::npos) return name.replace(at, each.theirs.size(), each.canonical);
  }
  return name;
}

}  // namespace

StateDict renamed(StateDict state, const FamilyNames& names, const std::string& where) {
  StateDict canonical;
  while (!state.empty()) {
    auto node = state.extract(state.begin());
    const std::string name = node.key();
    for (const Renaming& each : names.beginnings) {
      if (!name.starts_with(each.theirs)) continue;
      node.key() =
          renamed_in_block(cat(each.canonical, name.substr(each.theirs.size())), names.in_blocks);
      if (each.transposed && node.mapped().dim() == 2) node.mapped() = node.mapped().t();
      break;
    }
    const auto inserted = canonical.insert(std::move(node));
    if (!inserted.inserted) {
      throw InputError(cat(where, ": two of its tensors are \"", inserted.position->first,
                           "\": ", name, " is one"));
    }
  }
  return canonical;
}

std::string undo_renaming(const std::string& canonical, const FamilyNames& names) {
  const Renaming* longest = nullptr;
  for (const Renaming& each : names.beginnings) {
    if (!canonical.starts_with(each.canonical)) continue;
    if (longest == nullptr || each.canonical.size() > longest->canonical.size()) longest = &each;
  }
  if (longest == nullptr) return canonical;
  std::string name = cat(longest->theirs, canonical.substr(longest->canonical.size()));
  for (const Renaming& each : names.in_blocks) {
    const std::size_t at = name.find(each.canonical);
    if (at != std::string::npos) return name.replace(at, each.canonical.size(), each.theirs);
  }
  return name;
}

std::string without_prefix(const std::string& name, std::string_view prefix) {
  return name.starts_with(prefix) ? name.substr(prefix.size()) : name;
}

StateDict prefixed(StateDict state, const std::string& prefix) {
  StateDict out;
  while (!state.empty()) {
    auto node = state.extract(state.begin());
    node.key().insert(0, prefix);
    out.insert(std::move(node));
  }
  return out;
}

at::Tensor take_tensor(StateDict& state, const std::string& name, const std::string& where) {
  const auto found = state.find(name);
  if (found == state.end()) {
    throw TensorNamesError(cat(where, ": \"", name, "\" is missing"), {name}, {});
  }
  at::Tensor tensor = std::move(found->second);
  state.erase(found);
  return tensor;
}

at::Tensor take_projections(StateDict& state, const std::string& attention, const std::string& kind,
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

}  // namespace clipq
