#include "clipq/model/state_dict.h"

#include <ATen/ops/isfinite.h>

#include <algorithm>
#include <utility>

#include "clipq/core/error.h"
#include "clipq/core/strings.h"

namespace clipq {
namespace {

/// Whether every value is finite: a sum is finite only then, unless finite values overflow it.
bool all_finite(const at::Tensor& x) {
  return std::isfinite(x.sum().item<float>()) || at::isfinite(x).all().item<bool>();
}

}  // namespace

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
                         " values that are NaN or infinite; export the checkpoint anew"));
  }
  return tensor;
}

at::Tensor StateDictReader::take_scalar(const std::string& name) {
  const auto found = state_.find(name);
  const bool in_a_row = found != state_.end() && found->second.sizes() == at::IntArrayRef({1});
  return take(name, in_a_row ? std::vector<std::int64_t>{1} : std::vector<std::int64_t>{})
      .reshape({});
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
