#include "clipq/model/state_dict.h"

#include <ATen/ops/isfinite.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "clipq/core/error.h"
#include "clipq/core/strings.h"
#include "clipq/model/finite.h"

namespace clipq {

StateDictReader::StateDictReader(StateDict state, std::string where)
    : state_(std::move(state)), where_(std::move(where)) {}

at::Tensor StateDictReader::remove(const std::string& name,
                                   const std::vector<std::int64_t>& shape) {
  const auto found = state_.find(name);
  if (found == state_.end()) throw InputError(cat(where_, ": \"", name, "\" is missing"));
  at::Tensor tensor = found->second;
  state_.erase(found);
  if (tensor.sizes() != at::IntArrayRef(shape)) {
    throw InputError(cat(where_, ": ", name, " has shape ", tensor.sizes(), ", expected ",
                         at::IntArrayRef(shape)));
  }
  return tensor;
}

at::Tensor StateDictReader::take(const std::string& name, const std::vector<std::int64_t>& shape) {
  at::Tensor tensor = remove(name, shape).to(at::kFloat).contiguous();
  if (!all_finite(tensor)) {
    const auto bad = tensor.numel() - at::isfinite(tensor).sum().item<std::int64_t>();
    throw InputError(cat(where_, ": ", name, " has ", bad, " of ", tensor.numel(),
                         " values that are NaN or infinite; export the checkpoint again"));
  }
  return tensor;
}

at::Tensor StateDictReader::take_logit_scale() {
  const std::string name = "logit_scale";
  const auto found = state_.find(name);
  const bool in_a_row = found != state_.end() && found->second.sizes() == at::IntArrayRef({1});
  const at::Tensor tensor =
      take(name, in_a_row ? std::vector<std::int64_t>{1} : std::vector<std::int64_t>{}).reshape({});
  if (!std::isfinite(std::exp(tensor.item<float>()))) {
    throw InputError(cat(where_, ": ", name, " is ", tensor.item<float>(),
                         ", which is the logarithm of no temperature; expected about 4.6"));
  }
  return tensor;
}

at::Tensor StateDictReader::take_codes(const std::string& name,
                                       const std::vector<std::int64_t>& shape,
                                       at::ScalarType dtype) {
  at::Tensor tensor = remove(name, shape);
  if (tensor.scalar_type() != dtype) {
    throw InputError(cat(where_, ": ", name, " is ", tensor.scalar_type(), ", expected ", dtype));
  }
  return tensor.contiguous();
}

void StateDictReader::require_empty(const std::vector<std::string>& ignored) const {
  std::vector<std::string> left;
  for (const auto& [name, tensor] : state_) {
    if (std::find(ignored.begin(), ignored.end(), name) == ignored.end()) left.push_back(name);
  }
  if (left.empty()) return;
  const std::size_t count = left.size();
  left.resize(std::min<std::size_t>(count, 3));
  throw InputError(cat(where_, ": ", count,
                       " tensors have no place in a CLIP with OpenAI's names: ", join(left, ", "),
                       count > 3 ? ", …" : ""));
}

}  // namespace clipq
