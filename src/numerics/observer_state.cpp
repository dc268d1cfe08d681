#include "clipq/numerics/observer_state.h"

#include "clipq/core/error.h"
#include "clipq/core/strings.h"

namespace clipq {
namespace {

std::string describe(const StateEntry& entry) {
  return cat("\"", entry.name, "\" (", entry.dtype, " [", entry.size, "])");
}

bool is_entry(const at::Tensor& tensor, const StateEntry& entry) {
  return tensor.defined() && tensor.scalar_type() == entry.dtype && tensor.dim() == 1 &&
         tensor.size(0) == entry.size;
}

}  // namespace

void require_entries(const ObserverState& state, std::initializer_list<StateEntry> entries) {
  for (const StateEntry& entry : entries) {
    const auto found = state.find(entry.name);
    if (found == state.end()) {
      throw InputError(cat("observer state: ", describe(entry), " is missing"));
    }
    if (!is_entry(found->second, entry)) {
      throw InputError(cat("observer state: ", describe(entry), " has another type or shape"));
    }
  }
  if (state.size() != entries.size()) {
    throw InputError(cat("observer state: expected ", entries.size(), " tensors, got ",
                         state.size(), "; is it the state of another observer?"));
  }
}

}  // namespace clipq
