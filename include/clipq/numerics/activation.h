#pragma once

#include <ATen/core/Tensor.h>

#include <string>
#include <vector>

namespace clipq {

/// The non-linearity of the MLPs. It can't be read from weights.
enum class Activation {
  kQuickGelu,  ///< x * sigmoid(1.702 x): every OpenAI checkpoint
  kGelu,       ///< exact GELU: most open_clip checkpoints
  kGeluTanh    ///< GELU in its tanh approximation
};

/// All activations, likeliest first.
const std::vector<Activation>& activations();

const char* name_of(Activation activation);

/// The activation of that name. Throws UsageError with the valid names.
Activation parse_activation(const std::string& name, const std::string& where);

/// The activation of every element.
at::Tensor apply(Activation activation, const at::Tensor& x);

}  // namespace clipq
