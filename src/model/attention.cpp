#include "clipq/model/attention.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/ones_like.h>
#include <ATen/ops/scaled_dot_product_attention.h>
#include <ATen/ops/softmax.h>

#include <cmath>
#include <limits>

namespace clipq {

at::Tensor Attention::forward(const at::Tensor& qkv) const { return compute(split(qkv)); }

at::Tensor Attention::forward_pooled(const at::Tensor& q, const at::Tensor& kv,
                                     const at::Tensor& positions) const {
  const at::Tensor keys_and_values = in_heads(kv, 2);
  Heads heads = {in_heads(q, 1)[0], keys_and_values[0], keys_and_values[1], {}};
  if (causal_) {
    heads.visible =
        at::arange(kv.size(1), at::kLong).le(positions.unsqueeze(1)).unsqueeze(1).unsqueeze(1);
  }
  return compute(heads);
}

at::Tensor Attention::in_heads(const at::Tensor& parts, std::int64_t n) const {
  const std::int64_t head_width = parts.size(2) / n / heads_;
  return parts.view({parts.size(0), parts.size(1), n, heads_, head_width}).permute({2, 0, 3, 1, 4});
}

Heads Attention::split(const at::Tensor& qkv) const {
  const at::Tensor parts = in_heads(qkv, 3);
  return {parts[0], parts[1], parts[2], {}};
}

at::Tensor Attention::attend(const Heads& heads) const {
  std::optional<at::Tensor> mask;
  if (heads.visible.defined()) mask = heads.visible;
  return at::scaled_dot_product_attention(heads.q, heads.k, heads.v, mask, 0.0, causal_ && !mask)
      .transpose(1, 2)
      .flatten(2);
}

at::Tensor Attention::attend(const Heads& heads,
                             const std::function<at::Tensor(const at::Tensor&)>& change) const {
  at::Tensor scores = at::matmul(heads.q, heads.k.transpose(-2, -1));
  scores.mul_(1 / std::sqrt(static_cast<double>(heads.q.size(-1))));
  const double never = -std::numeric_limits<double>::infinity();
  if (heads.visible.defined()) {
    scores.masked_fill_(heads.visible.logical_not(), never);
  } else if (causal_) {
    scores.masked_fill_(at::ones_like(scores[0][0], at::kBool).triu(1), never);
  }
  return at::matmul(change(at::softmax(scores, -1)), heads.v).transpose(1, 2).flatten(2);
}

}  // namespace clipq
