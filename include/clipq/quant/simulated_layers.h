#pragma once

#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "clipq/model/attention.h"
#include "clipq/model/embedding.h"
#include "clipq/model/linear.h"
#include "clipq/numerics/activation_quantizer.h"
#include "clipq/quant/diagnosis.h"
#include "clipq/quant/quantizer_id.h"

namespace clipq {

/// A weight in quantized storage, or in float32 where it isn't quantized. Dequantized once, when
/// first used.
class StoredWeight {
 public:
  explicit StoredWeight(at::Tensor values);
  explicit StoredWeight(QuantizedTensor quantized);

  /// The weight's values as float32.
  const at::Tensor& values() const;

  /// The codes, or nullptr if the weight isn't quantized.
  const QuantizedTensor* quantized() const { return quantized_ ? &*quantized_ : nullptr; }

  std::int64_t rows() const { return (quantized_ ? quantized_->codes : values_).size(0); }
  std::int64_t columns() const { return quantized_ ? quantized_->columns : values_.size(1); }

 private:
  std::optional<QuantizedTensor> quantized_;
  mutable at::Tensor values_;
  mutable std::once_flag dequantized_;
};

/// A layer with quantized weight and input, computed in float32 on dequantized values.
class SimulatedLinear final : public Linear {
 public:
  /// @param bias float32 [out], or undefined
  SimulatedLinear(std::shared_ptr<const StoredWeight> weight, at::Tensor bias,
                  std::optional<ActivationQuantizer> input);

  at::Tensor forward(const at::Tensor& x) const override;
  at::Tensor forward_part(const at::Tensor& x, std::int64_t first,
                          std::int64_t count) const override;
  at::Tensor convolve(const at::Tensor& map, const ConvolutionWindow& window) const override;
  bool needs_whole_batch() const override { return input_ && input_->spans_rows(); }
  std::optional<LinearContents> contents() const override;
  std::int64_t in_features() const override { return weight_->columns(); }
  std::int64_t out_features() const override { return weight_->rows(); }

  /// forward() without the input's quantizer.
  at::Tensor forward_unquantized(const at::Tensor& x) const;

  const std::optional<ActivationQuantizer>& input() const { return input_; }

 private:
  std::shared_ptr<const StoredWeight> weight_;
  at::Tensor bias_;
  std::optional<ActivationQuantizer> input_;
};

/// The quantizers around attention; any may be absent.
struct AttentionQuantizers {
  std::optional<ActivationQuantizer> q;
  std::optional<ActivationQuantizer> k;
  std::optional<ActivationQuantizer> softmax;
  std::optional<ActivationQuantizer> v;
  std::optional<ActivationQuantizer> output;

  bool any() const { return q || k || softmax || v || output; }
};

/// Attention on quantized operands with a quantized output; the softmax is computed in float32.
class SimulatedAttention final : public Attention {
 public:
  SimulatedAttention(std::int64_t heads, bool causal, AttentionQuantizers quantizers);

  bool needs_whole_batch() const override;

  const AttentionQuantizers* quantizers() const override { return &quantizers_; }

  /// How well each of its quantizers fits the float values of `qkv`.
  std::vector<std::pair<Role, Diagnosis>> diagnose(const at::Tensor& qkv) const;

 protected:
  at::Tensor compute(const Heads& heads) const override;

 private:
  AttentionQuantizers quantizers_;
};

/// A table in quantized storage; only the rows looked up are dequantized.
class SimulatedEmbedding final : public Embedding {
 public:
  /// @param weight [entries, width]
  explicit SimulatedEmbedding(QuantizedTensor weight);

  at::Tensor forward(const at::Tensor& ids) const override;
  std::optional<EmbeddingContents> contents() const override {
    return EmbeddingContents{{}, &weight_};
  }
  std::int64_t entries() const override { return weight_.codes.size(0); }
  std::int64_t width() const override { return weight_.columns; }

 private:
  QuantizedTensor weight_;
};

}  // namespace clipq
