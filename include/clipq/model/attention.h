#pragma once

#include <ATen/core/Tensor.h>

#include <functional>

namespace clipq {

/// Queries, keys and values, each float32 [batch, heads, tokens, head width].
struct Heads {
  at::Tensor q;
  at::Tensor k;
  at::Tensor v;
};

/// What stands between in_proj and out_proj: scaled dot-product attention, however it is computed.
class Attention {
 public:
  /// @param heads number of heads; the head width is width / heads
  /// @param causal whether a token attends only to itself and those before it
  Attention(std::int64_t heads, bool causal) : heads_(heads), causal_(causal) {}
  virtual ~Attention() = default;

  /// @param qkv float32 [batch, tokens, 3 * width], as in_proj returns it
  /// @return float32 [batch, tokens, width]
  virtual at::Tensor forward(const at::Tensor& qkv) const = 0;

  std::int64_t heads() const { return heads_; }
  bool causal() const { return causal_; }

 protected:
  Heads split(const at::Tensor& qkv) const;
  /// softmax(q k^T / sqrt(head width)) v with the heads side by side again: [batch, tokens, width].
  at::Tensor attend(const Heads& heads) const;
  /// The same through `change`, which is given softmax's result, float32 [batch, heads, tokens,
  /// tokens], and returns what is multiplied with v in its place.
  at::Tensor attend(const Heads& heads,
                    const std::function<at::Tensor(const at::Tensor&)>& change) const;

 private:
  std::int64_t heads_;
  bool causal_;
};

/// Attention in float32.
class FloatAttention final : public Attention {
 public:
  using Attention::Attention;
  at::Tensor forward(const at::Tensor& qkv) const override;
};

}  // namespace clipq
