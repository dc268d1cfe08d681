#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <initializer_list>
#include <map>
#include <string>

namespace clipq {

/// Tensors by name: what an observer has gathered, so that it can be saved and continued.
using ObserverState = std::map<std::string, at::Tensor>;

/// A one-dimensional tensor that a state must have.
struct StateEntry {
  const char* name;
  c10::ScalarType dtype;
  std::int64_t size;
};

/// Throws InputError unless the state has exactly these entries.
void require_entries(const ObserverState& state, std::initializer_list<StateEntry> entries);

}  // namespace clipq
