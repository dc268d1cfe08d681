#pragma once

#include <string>

#include "clipq/model/state_dict.h"

namespace clipq {

/// SHA-256 over names, types, shapes and values of all tensors, in the order of the names; 64 hex
/// digits.
std::string sha256_of(const StateDict& state);

}  // namespace clipq
