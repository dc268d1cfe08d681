#pragma once

#include <memory>

#include "clipq/kernels/dequantized_linear.h"
#include "clipq/model/linear.h"

namespace clipq {

/// A convolution of windows on floating-point units, its weight dequantized in the cache: what
/// SimulatedLinear computes of the windows of a map.
class DequantizedConvolution final : public Linear {
 public:
  /// @param weight [out, channels * area]
  /// @param bias float32 [out], or undefined
  /// @param input null: not quantized; a range per row is one of an item
  /// @param path as DequantizedLinear takes it
  DequantizedConvolution(const QuantizedTensor& weight, const at::Tensor& bias,
                         const ActivationQuantizer* input, const FloatPath* path,
                         const ConvolutionWindow& window);

  at::Tensor forward(const at::Tensor& x) const override;
  at::Tensor convolve(const at::Tensor& map, const ConvolutionWindow& window) const override;
  bool needs_whole_batch() const override { return linear_->spans_rows(); }
  std::int64_t in_features() const override { return linear_->in_features(); }
  std::int64_t out_features() const override { return linear_->out_features(); }

  const char* path_name() const { return linear_->path_name(); }

 private:
  ConvolutionWindow window_;
  bool by_position_;  ///< whether the linear's inputs are in the order of columns_by_position()
  std::shared_ptr<const DequantizedLinear> linear_;
};

}  // namespace clipq
