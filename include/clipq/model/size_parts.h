#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "clipq/model/state_dict.h"

namespace clipq {

/// The bytes of a model's stored tensors by part, in the order of data flow: "image blocks", "image
/// rest", "token embedding", "text blocks", "text rest" (each tower's projection is in its rest),
/// and last "archive": what else the file holds. They sum to `file_bytes`. Tensors that share
/// memory count once.
/// @param state with canonical names, in the types that are stored
std::vector<std::pair<std::string, std::int64_t>> size_parts(const StateDict& state,
                                                             std::int64_t file_bytes);

}  // namespace clipq
