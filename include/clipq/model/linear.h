#pragma once

#include <ATen/core/Tensor.h>

namespace clipq {

/// y = x W^T + b, however it is computed.
class Linear {
 public:
  virtual ~Linear() = default;

  /// @param x float32 [..., in_features]
  /// @return float32 [..., out_features]
  virtual at::Tensor forward(const at::Tensor& x) const = 0;

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
  std::int64_t in_features() const override { return weight_.size(1); }
  std::int64_t out_features() const override { return weight_.size(0); }

  const at::Tensor& weight() const { return weight_; }
  const at::Tensor& bias() const { return bias_; }

 private:
  at::Tensor weight_;
  at::Tensor bias_;
};

}  // namespace clipq
