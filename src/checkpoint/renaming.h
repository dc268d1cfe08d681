#pragma once

#include <span>
#include <string>
#include <string_view>

#include "clipq/model/state_dict.h"

namespace clipq {

/// A tensor's name, or the beginning of several, and the canonical one.
struct Renaming {
  std::string_view theirs;
  std::string_view canonical;
  bool transposed = false;
};

/// A family's names.
struct FamilyNames {
  std::span<const Renaming> beginnings;  ///< the first that a name begins with is replaced
  std::span<const Renaming> in_blocks;   ///< then the first of these that it contains
};

/// The tensors with canonical names; unknown ones keep theirs. Throws InputError that names `where`
/// if two get the same.
StateDict renamed(StateDict state, const FamilyNames& names, const std::string& where);

/// The family's name for a canonical one; one that the family has none for stays as it is.
std::string undo_renaming(const std::string& canonical, const FamilyNames& names);

/// The name without the prefix, if it has it.
std::string without_prefix(const std::string& name, std::string_view prefix);

/// The tensors with `prefix` before their names.
StateDict prefixed(StateDict state, const std::string& prefix);

/// Removes a tensor and returns it. Throws InputError that names `where` if it is missing.
at::Tensor take_tensor(StateDict& state, const std::string& name, const std::string& where);

/// Removes the projections of an attention and returns their rows in one: of queries, then keys,
/// then values. Throws InputError that names `where` if one is missing or doesn't fit the others.
/// @param attention what stands before "q_proj"
/// @param kind "weight" or "bias"
at::Tensor take_projections(StateDict& state, const std::string& attention, const std::string& kind,
                            const std::string& where);

}  // namespace clipq
