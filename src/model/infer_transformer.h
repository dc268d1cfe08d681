#pragma once

#include <string>

#include "clipq/model/state_dict.h"
#include "clipq/model/tower_config.h"

namespace clipq {

/// The tensor of that name. Throws InputError that names `where` if it is missing or has another
/// number of dimensions.
const at::Tensor& find_tensor(const StateDict& state, const std::string& name,
                              std::int64_t dimensions, const std::string& where);

/// The number of distinct N in names "<prefix>N.…".
std::int64_t count_blocks(const StateDict& state, const std::string& prefix);

/// The heads of a tower of that width, taken to be 64 wide.
std::int64_t heads_of(std::int64_t width);

/// Fills in what a tower's transformer decides: width, blocks, their hidden width and, taken to be
/// 64 wide, heads.
/// @param name canonical path of the transformer
void infer_transformer(TowerConfig& config, std::int64_t width, const StateDict& state,
                       const std::string& name);

}  // namespace clipq
