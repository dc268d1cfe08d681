#pragma once

#include <string>
#include <vector>

#include "clipq/model/clip_model.h"
#include "clipq/model/tower.h"

namespace clipq {

/// The place of a tensor that is never quantized: norms, the class token, positional tables.
struct PlainTensor {
  std::string name;  ///< canonical, as in the state dict
  Tower tower;
  std::vector<std::int64_t> shape;  ///< as the model's config says
  at::Tensor* tensor;
};

/// All of a model's tensors that no layer slot holds, except logit_scale. They point into `model`.
std::vector<PlainTensor> plain_tensors(ClipModel& model);

}  // namespace clipq
