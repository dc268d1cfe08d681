#pragma once

#include <torch/script.h>

#include "clipq/model/clip_model.h"

namespace clipq {

/// The model as a TorchScript module with encode_image, encode_text and forward(image, text), of a
/// single tower its own and forward(x): weights in their quantized storage under canonical names,
/// simulate()'s numerics in plain ATen operators. Each layer type has a function here, and its
/// source in torchscript/.
torch::jit::Module write_torchscript(const ClipModel& model);

}  // namespace clipq
