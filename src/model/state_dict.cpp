#include "clipq/model/state_dict.h"

#include <ATen/ops/isfinite.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "clipq/core/error.h"
#include "clipq/core/strings.h"
#include "clipq/model/finite.h"

namespace clipq {

namespace {

constexpr std::size_t kNamesShown = 3;

/// "\"a\", \"b\", \"c\" and 4 more"
std::string first_names(const std::vector<std::string>& names) {
  std::vector<std::string> shown;
  for (std::size_t i = 0; i < std::min(names.size(), kNamesShown); ++i) {
    shown.push_back(cat("\"", names[i], "\""));
  }
  const std::size_t more = names.size() - shown.size();
  return cat(join(shown, ", "), more > 0 ? cat(" and ", more, " more") : "");
}

}  // namespace

std::string names_text(const std::vector<std::string>& missing,
                       const std::vector<std::string>& left_over) {
  std::vector<std::string> parts;
  if (!missing.empty()) {
    parts.push_back(cat(first_names(missing), missing.size() > 1 ? " are missing" : " is missing"));
  }
  if (!left_over.empty()) {
    parts.push_back(cat(first_names(left_over),
                        left_over.size() > 1 ? " have no place in it" : " has no place in it"));
  }
  return join(parts, "; ");
}

StateDictReader::StateDictReader(StateDict state, std::string where)
    : state_(std::move(state)), where_(std::move(where)) {}

at::Tensor StateDictReader::remove(const std::string& name,
                                   const std::vector<std::int64_t>& shape) {
  const auto found = state_.find(name);
  if (found == state_.end()) {
    throw TensorNamesError(cat(where_, ": ", names_text({name}, {})), {name}, {});
  }
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

void StateDictReader::require_empty() const {
  std::vector<std::string> left;
  for (const auto& [name, tensor] : state_) left.push_back(name);
  if (left.empty()) return;
  throw TensorNamesError(cat(where_, ": ", names_text({}, left)), {}, left);
}

}  // namespace clipq
