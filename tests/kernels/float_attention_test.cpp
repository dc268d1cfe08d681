#include "clipq/kernels/float_attention.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/scaled_dot_product_attention.h>
#include <gmock/gmock.h>

#include "tensors.h"

namespace clipq {
namespace {

/// One head through attend_head, from rows that stand in a wider matrix as in_proj leaves them.
at::Tensor attended(const at::Tensor& qkv, std::int64_t queries, bool causal) {
  const std::int64_t tokens = qkv.size(0);
  const std::int64_t width = qkv.size(1) / 3;
  at::Tensor out = at::empty({queries, width});
  const auto* values = qkv.const_data_ptr<float>();
  std::vector<float> scratch;
  attend_head({values, 3 * width, queries, values + width, values + 2 * width, 3 * width, tokens,
               width, causal, out.mutable_data_ptr<float>(), width},
              scratch);
  return out;
}

at::Tensor reference(const at::Tensor& qkv, std::int64_t queries, bool causal) {
  const auto parts = qkv.to(at::kDouble).chunk(3, 1);
  const auto head = [](const at::Tensor& x) { return x.unsqueeze(0).unsqueeze(0); };
  return at::scaled_dot_product_attention(head(parts[0].narrow(0, 0, queries)), head(parts[1]),
                                          head(parts[2]), {}, 0.0, causal)
      .squeeze(0)
      .squeeze(0);
}

TEST(AttendHead, IsScaledDotProductAttention) {
  for (const std::int64_t tokens : {1, 2, 5, 16, 17, 50, 77, 197, 260}) {
    for (const std::int64_t width : {1, 4, 6, 20, 32, 64, 80}) {
      const at::Tensor qkv = testing::random_normal({tokens, 3 * width}, 1).mul_(2);
      for (const bool causal : {false, true}) {
        EXPECT_LT(testing::max_difference(attended(qkv, tokens, causal).to(at::kDouble),
                                          reference(qkv, tokens, causal)),
                  1e-5)
            << tokens << " tokens of " << width << (causal ? ", causal" : "");
      }
      EXPECT_LT(testing::max_difference(attended(qkv, 1, false).to(at::kDouble),
                                        reference(qkv, 1, false)),
                1e-5)
          << "one query, " << tokens << " tokens of " << width;
    }
  }
}

TEST(AttendHead, LargeScoresDoNotOverflow) {
  const at::Tensor qkv = testing::random_normal({9, 3 * 8}, 2).mul_(1e4);
  EXPECT_TRUE(attended(qkv, 9, false).isfinite().all().item<bool>());
}

}  // namespace
}  // namespace clipq
