#include "clipq/model/attention.h"

#include <ATen/ops/matmul.h>
#include <ATen/ops/ones_like.h>
#include <ATen/ops/scaled_dot_product_attention.h>
#include <ATen/ops/softmax.h>

#include <cmath>
#include <limits>

namespace clipq {

Heads Attention::split(const at::Tensor& qkv) const {
  const std::int64_t batch = qkv.size(0);
  const std::int64_t tokens = qkv.size(1);
  const std::int64_t width = qkv.size(2) / 3;
  const at::Tensor parts =
      qkv.view({batch, tokens, 3, heads_, width / heads_}).permute({2, 0, 3, 1, 4});
  return {parts[0], parts[1], parts[2]};
}

at::Tensor Attention::attend(const Heads& heads) const {
  return at::scaled_dot_product_attention(heads.q, heads.k, heads.v, {}, 0.0, causal_)
      .transpose(1, 2)
      .flatten(2);
}

at::Tensor Attention::attend(const Heads& heads,
                             const std::function<at::Tensor(const at::Tensor&)>& change) const {
  at::Tensor scores = at::matmul(heads.q, heads.k.transpose(-2, -1));
  scores.mul_(1 / std::sqrt(static_cast<double>(heads.q.size(-1))));
  if (causal_) {
    scores.masked_fill_(at::ones_like(scores[0][0], at::kBool).triu(1),
                        -std::numeric_limits<double>::infinity());
  }
  return at::matmul(change(at::softmax(scores, -1)), heads.v).transpose(1, 2).flatten(2);
}

at::Tensor FloatAttention::forward(const at::Tensor& qkv) const { return attend(split(qkv)); }

}  // namespace clipq
