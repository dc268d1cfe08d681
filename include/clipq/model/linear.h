#pragma once

#include <ATen/core/Tensor.h>

#include <optional>

#include "clipq/model/convolution_window.h"

namespace clipq {

class ActivationQuantizer;
struct QuantizedTensor;

/// What a linear layer computes with.
struct LinearContents {
  at::Tensor weight;                           ///< float32 [out, in]; undefined: it is quantized
  const QuantizedTensor* quantized = nullptr;  ///< the weight's codes; null: it is float
  at::Tensor bias;                             ///< float32 [out]; undefined: none
  const ActivationQuantizer* input = nullptr;  ///< null: the input isn't quantized

  bool is_float() const { return quantized == nullptr && input == nullptr; }
};

/// y = x W^T + b, however it is computed. A convolution is one whose rows are the windows of a map.
class Linear {
 public:
  virtual ~Linear() = default;

  /// @param x float32 [..., in_features]
  /// @return float32 [..., out_features]
  virtual at::Tensor forward(const at::Tensor& x) const = 0;

  /// The output features [first, first + count) of forward(x): float32 [..., count].
  virtual at::Tensor forward_part(const at::Tensor& x, std::int64_t first,
                                  std::int64_t count) const {
    return forward(x).narrow(-1, first, count);
  }

  /// The layer as a convolution. Where an input has a range per row, it is one per item here: an
  /// item's windows overlap.
  /// @param map float32 [batch, height, width, channels], in_features = channels * window.area()
  /// @return float32 [batch, window.count(height), window.count(width), out_features]
  virtual at::Tensor convolve(const at::Tensor& map, const ConvolutionWindow& window) const = 0;

  /// Whether rows of x can't be left out or come in another batch without changing the others: a
  /// range is taken over all of them at run time, or all of them are being observed.
  virtual bool needs_whole_batch() const { return false; }

  /// Absent where the layer doesn't keep them in this form (native layers) or wraps another one.
  /// Pointers live as long as the layer.
  virtual std::optional<LinearContents> contents() const { return std::nullopt; }

  virtual std::int64_t in_features() const = 0;
  virtual std::int64_t out_features() const = 0;
};

/// The layer in float32.
class FloatLinear final : public Linear {
 public:
  /// @param weight float32 [out, in]
  /// @param bias float32 [out], or undefined
  FloatLinear(at::Tensor weight, at::Tensor bias);

  at::Tensor forward(const at::Tensor& x) const override;
  at::Tensor forward_part(const at::Tensor& x, std::int64_t first,
                          std::int64_t count) const override;
  at::Tensor convolve(const at::Tensor& map, const ConvolutionWindow& window) const override {
    return clipq::convolve(map, weight_, bias_, window);
  }
  std::optional<LinearContents> contents() const override {
    return LinearContents{weight_, nullptr, bias_, nullptr};
  }
  std::int64_t in_features() const override { return weight_.size(1); }
  std::int64_t out_features() const override { return weight_.size(0); }

  const at::Tensor& weight() const { return weight_; }
  const at::Tensor& bias() const { return bias_; }

 private:
  at::Tensor weight_;
  at::Tensor bias_;
};

}  // namespace clipq
