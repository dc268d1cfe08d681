#include "clipq/native/native_attention.h"

#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>

namespace clipq {

NativePooledAttention::NativePooledAttention(std::int64_t heads, const AttentionPath& path)
    : Attention(heads, /*causal=*/false), path_(path) {}

at::Tensor NativePooledAttention::forward_pooled(const at::Tensor& q, const at::Tensor& kv,
                                                 const at::Tensor& /*positions*/) const {
  const at::Tensor queries = q.contiguous();
  const at::Tensor parts = kv.contiguous();
  const std::int64_t tokens = kv.size(1);
  const std::int64_t width = q.size(2);
  const std::int64_t head_width = width / heads();
  at::Tensor output = at::empty(q.sizes(), q.options());
  const float* query = queries.const_data_ptr<float>();
  const float* key = parts.const_data_ptr<float>();
  float* out = output.mutable_data_ptr<float>();
  at::parallel_for(0, q.size(0) * heads(), 1, [&](std::int64_t begin, std::int64_t end) {
    static thread_local AttentionScratch scratch;
    for (std::int64_t i = begin; i < end; ++i) {
      const std::int64_t item = i / heads();
      const std::int64_t column = i % heads() * head_width;
      const float* keys = key + item * tokens * 2 * width + column;
      path_.attend({.queries = query + item * width + column,
                    .query_stride = width,
                    .query_rows = 1,
                    .keys = keys,
                    .values = keys + width,
                    .key_stride = 2 * width,
                    .tokens = tokens,
                    .head_width = head_width,
                    .causal = false,
                    .out = out + item * width + column,
                    .out_stride = width},
                   scratch);
    }
  });
  return output;
}

}  // namespace clipq
