#pragma once

#include <ATen/core/Tensor.h>

#include <functional>

namespace clipq {

struct AttentionQuantizers;

/// Queries float32 [batch, heads, queries, head width], keys and values [batch, heads, tokens, head
/// width].
struct Heads {
  at::Tensor q;
  at::Tensor k;
  at::Tensor v;
  /// Bool, broadcastable to [batch, heads, queries, tokens]: the tokens that a query attends to.
  /// Undefined: all; with a causal attention itself and those before it.
  at::Tensor visible;
};

/// Scaled dot-product attention between the layer that makes queries, keys and values and the layer
/// that mixes heads, however it is computed.
class Attention {
 public:
  /// @param heads number of heads; the head width is width / heads
  /// @param causal whether a token attends only to itself and those before it
  Attention(std::int64_t heads, bool causal) : heads_(heads), causal_(causal) {}
  virtual ~Attention() = default;

  /// @param qkv float32 [batch, tokens, 3 * width]: queries, keys and values side by side
  /// @return float32 [batch, tokens, width]
  virtual at::Tensor forward(const at::Tensor& qkv) const;

  /// The rows of forward() at one position per item.
  /// @param q float32 [batch, 1, width], the queries at those positions
  /// @param kv float32 [batch, tokens, 2 * width], keys and values of all tokens
  /// @param positions int64 [batch], each in [0, tokens)
  /// @return float32 [batch, 1, width]
  virtual at::Tensor forward_pooled(const at::Tensor& q, const at::Tensor& kv,
                                    const at::Tensor& positions) const;

  /// As Linear's.
  virtual bool needs_whole_batch() const { return false; }

  /// The quantizers around it; null: it computes in float32.
  virtual const AttentionQuantizers* quantizers() const { return nullptr; }

  std::int64_t heads() const { return heads_; }
  bool causal() const { return causal_; }

 protected:
  /// From queries, keys and values to float32 [batch, queries, width].
  virtual at::Tensor compute(const Heads& heads) const = 0;

  Heads split(const at::Tensor& qkv) const;
  /// softmax(q k^T / sqrt(head width)) v with the heads side by side again: [batch, tokens, width].
  at::Tensor attend(const Heads& heads) const;
  /// The same through `change`, which is given softmax's result, float32 [batch, heads, queries,
  /// tokens], and returns what is multiplied with v in its place.
  at::Tensor attend(const Heads& heads,
                    const std::function<at::Tensor(const at::Tensor&)>& change) const;

 private:
  /// [batch, tokens, n * width] as n times [batch, heads, tokens, head width].
  at::Tensor in_heads(const at::Tensor& parts, std::int64_t n) const;

  std::int64_t heads_;
  bool causal_;
};

/// Attention in float32.
class FloatAttention final : public Attention {
 public:
  using Attention::Attention;

 protected:
  at::Tensor compute(const Heads& heads) const override { return attend(heads); }
};

}  // namespace clipq
