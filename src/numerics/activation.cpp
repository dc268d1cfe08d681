#include "clipq/numerics/activation.h"

#include <ATen/ops/gelu.h>
#include <ATen/ops/sigmoid.h>

#include "clipq/core/error.h"
#include "clipq/core/strings.h"

namespace clipq {

const std::vector<Activation>& activations() {
  static const std::vector<Activation> all = {Activation::kQuickGelu, Activation::kGelu,
                                              Activation::kGeluTanh};
  return all;
}

const char* name_of(Activation activation) {
  switch (activation) {
    case Activation::kQuickGelu:
      return "quick_gelu";
    case Activation::kGelu:
      return "gelu";
    case Activation::kGeluTanh:
      return "gelu_tanh";
  }
  throw InternalError("an activation without a name");
}

Activation parse_activation(const std::string& name, const std::string& where) {
  std::vector<std::string> names;
  for (const Activation activation : activations()) {
    if (name == name_of(activation)) return activation;
    names.emplace_back(name_of(activation));
  }
  throw UsageError(cat(where, ": unknown activation \"", name, "\"; expected one of ",
                       join(names, ", "), suggestion(name, names)));
}

at::Tensor apply(Activation activation, const at::Tensor& x) {
  switch (activation) {
    case Activation::kQuickGelu:
      return x.mul(at::sigmoid(x.mul(1.702)));
    case Activation::kGelu:
      return at::gelu(x, "none");
    case Activation::kGeluTanh:
      return at::gelu(x, "tanh");
  }
  throw InternalError("an activation without an implementation");
}

}  // namespace clipq
