#include "clipq/kernels/attention_path.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/scaled_dot_product_attention.h>
#include <gmock/gmock.h>

#include <limits>

#include "clipq/core/strings.h"
#include "paths_by_name.h"
#include "tensors.h"

namespace clipq {
namespace {

/// One head through a path, from rows that stand in a wider matrix as in_proj leaves them.
at::Tensor attended(const AttentionPath& path, const at::Tensor& qkv, std::int64_t queries,
                    bool causal) {
  const std::int64_t tokens = qkv.size(0);
  const std::int64_t width = qkv.size(1) / 3;
  at::Tensor out = at::empty({queries, width});
  const auto* values = qkv.const_data_ptr<float>();
  AttentionScratch scratch;
  path.attend({values, 3 * width, queries, values + width, values + 2 * width, 3 * width, tokens,
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

class EveryAttentionPath : public ::testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    path_ = &testing::named(attention_paths(), GetParam());
    if (!path_->supported()) GTEST_SKIP() << "this processor lacks " << GetParam();
  }

  bool is_float() const { return path_ == &float32_attention_path(); }

  /// Operands rounded to 8 bits move scores, weights and values by some 2^-9 each; values are
  /// about 2.
  void expect_near(const at::Tensor& ours, const at::Tensor& expected,
                   const std::string& what) const {
    const at::Tensor difference = ours.to(at::kDouble).sub(expected).abs();
    EXPECT_LT(difference.max().item<double>(), is_float() ? 1e-5 : 0.1) << what;
    EXPECT_LT(difference.square().mean().sqrt().item<double>(), 0.03) << what;
  }

  const AttentionPath* path_ = nullptr;
};

TEST_P(EveryAttentionPath, IsScaledDotProductAttention) {
  for (const std::int64_t tokens : {1, 2, 5, 16, 17, 33, 50, 77, 197, 260}) {
    for (const std::int64_t width : {1, 4, 6, 20, 32, 64, 80}) {
      const at::Tensor qkv = testing::random_normal({tokens, 3 * width}, 1).mul_(2);
      const std::string shape = cat(tokens, " tokens of ", width);
      for (const bool causal : {false, true}) {
        expect_near(attended(*path_, qkv, tokens, causal), reference(qkv, tokens, causal),
                    shape + (causal ? ", causal" : ""));
      }
      expect_near(attended(*path_, qkv, 1, false), reference(qkv, 1, false), "one query, " + shape);
    }
  }
}

TEST_P(EveryAttentionPath, LargeScoresDoNotOverflow) {
  const at::Tensor qkv = testing::random_normal({9, 3 * 8}, 2).mul_(1e4);
  EXPECT_TRUE(attended(*path_, qkv, 9, false).isfinite().all().item<bool>());
}

TEST_P(EveryAttentionPath, NaNStaysNaN) {
  at::Tensor qkv = testing::random_normal({40, 3 * 64}, 3);
  qkv[7].fill_(std::numeric_limits<float>::quiet_NaN());
  EXPECT_TRUE(attended(*path_, qkv, 40, false).isnan().all().item<bool>());
}

INSTANTIATE_TEST_SUITE_P(AttentionPath, EveryAttentionPath,
                         ::testing::Values("amx-bf16", "avx512-bf16", "float32"),
                         [](const auto& test) { return testing::identifier(test.param); });

TEST(AttentionPath, TheFastestIsSupported) {
  for (const std::int64_t tokens : {1, 77, 197, 577}) {
    EXPECT_TRUE(fastest_attention_path(tokens).supported());
  }
  EXPECT_EQ(&fastest_attention_path(50), &float32_attention_path());
  EXPECT_EQ(float32_attention_path().name, std::string("float32"));
}

}  // namespace
}  // namespace clipq
