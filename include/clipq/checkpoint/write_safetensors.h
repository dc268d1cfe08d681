#pragma once

#include <functional>
#include <map>
#include <string>

#include "clipq/model/state_dict.h"

namespace clipq {

/// Gives the bytes of a .safetensors file to `write`, in order: a header with the texts as
/// metadata, then the tensors, those of larger elements first, so that each lies aligned.
/// @param texts UTF-8, by name
void write_safetensors(const StateDict& tensors, const std::map<std::string, std::string>& texts,
                       const std::function<void(const void*, std::size_t)>& write);

}  // namespace clipq
