#pragma once

#include <string>

#include "clipq/model/state_dict.h"

namespace clipq {

/// Replaces each BatchNorm of a ResNet by what it makes of the weight and bias of the convolution
/// before it: with s = gamma / sqrt(running_var + 1e-5), W s and beta - running_mean s (+ b s).
/// Throws InputError that names `where` and the layer if a convolution has neither BatchNorm nor
/// bias, or a BatchNorm that can't be folded: one without running statistics, of another shape, or
/// whose variance is negative or not finite.
/// @param prefix what the names of the tower's tensors begin with: "visual.", or nothing
void fold_batch_norms(StateDict& state, const std::string& prefix, const std::string& where);

}  // namespace clipq
