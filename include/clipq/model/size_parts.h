#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "clipq/model/parts.h"
#include "clipq/model/state_dict.h"

namespace clipq {

/// Bytes of tensors by name. Of those that share memory only the first is there.
using TensorBytes = std::map<std::string, std::int64_t>;

/// @param state with canonical names, in the types that are stored
TensorBytes tensor_bytes(const StateDict& state);

/// The bytes of a model's stored tensors by part, in the order of data flow: "image blocks", "image
/// rest", "token embedding", "text blocks", "text rest" (each tower's projection is in its rest),
/// and last "archive": what else the file holds. They sum to `file_bytes`.
/// @param parts of the model
std::vector<std::pair<std::string, std::int64_t>> size_parts(const ModelParts& parts,
                                                             const TensorBytes& stored,
                                                             std::int64_t file_bytes);

/// What the parts of one tower sum to: a tower's blocks and rest, and of the text tower the token
/// embedding if it is wanted.
std::int64_t tower_sum(const std::vector<std::pair<std::string, std::int64_t>>& parts, Tower tower,
                       bool with_embedding);

/// The bytes of a model's stored tensors by the groups of its layers (PartPlace::group_name());
/// what isn't in layers, norms for instance, has the empty name.
TensorBytes bytes_by_group(const ModelParts& parts, const TensorBytes& stored);

/// The numbers of a model's parameters by part, as size_parts() names and orders them.
std::vector<std::pair<std::string, std::int64_t>> parameter_counts(const ModelParts& parts);

}  // namespace clipq
