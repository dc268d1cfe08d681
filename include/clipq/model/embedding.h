#pragma once

#include <ATen/core/Tensor.h>

#include <optional>

namespace clipq {

struct QuantizedTensor;

/// What an embedding looks rows up in.
struct EmbeddingContents {
  at::Tensor weight;                           ///< float32 [entries, width]; undefined: quantized
  const QuantizedTensor* quantized = nullptr;  ///< the table's codes; null: it is float
};

/// A table of vectors looked up by id, however it is stored.
class Embedding {
 public:
  virtual ~Embedding() = default;

  /// @param ids int64 or int32 [batch, tokens], each in [0, entries())
  /// @return float32 [batch, tokens, width]
  virtual at::Tensor forward(const at::Tensor& ids) const = 0;

  /// Absent where the layer wraps another one. Pointers live as long as the layer.
  virtual std::optional<EmbeddingContents> contents() const { return std::nullopt; }

  virtual std::int64_t entries() const = 0;
  virtual std::int64_t width() const = 0;
};

/// The table in float32.
class FloatEmbedding final : public Embedding {
 public:
  /// @param weight float32 [entries, width]
  explicit FloatEmbedding(at::Tensor weight);

  at::Tensor forward(const at::Tensor& ids) const override;
  std::optional<EmbeddingContents> contents() const override {
    return EmbeddingContents{weight_, nullptr};
  }
  std::int64_t entries() const override { return weight_.size(0); }
  std::int64_t width() const override { return weight_.size(1); }

  const at::Tensor& weight() const { return weight_; }

 private:
  at::Tensor weight_;
};

}  // namespace clipq
