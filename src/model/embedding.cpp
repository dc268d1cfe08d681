#include "clipq/model/embedding.h"

#include <ATen/ops/embedding.h>

#include <utility>

namespace clipq {

FloatEmbedding::FloatEmbedding(at::Tensor weight) : weight_(std::move(weight)) {}

at::Tensor FloatEmbedding::forward(const at::Tensor& ids) const {
  return at::embedding(weight_, ids);
}

}  // namespace clipq
