#pragma once

#include <memory>

#include "clipq/kernels/integer_linear.h"
#include "clipq/model/linear.h"

namespace clipq {

/// A convolution with quantized weight and input on integer kernels: what SimulatedLinear computes
/// of the windows of a map.
class NativeConvolution final : public Linear {
 public:
  /// @param integer the layer, its columns as columns_by_position() orders them
  NativeConvolution(std::shared_ptr<const IntegerLinear> integer, const ConvolutionWindow& window);

  at::Tensor forward(const at::Tensor& x) const override;
  at::Tensor convolve(const at::Tensor& map, const ConvolutionWindow& window) const override;
  bool needs_whole_batch() const override { return integer_->spans_rows(); }
  std::int64_t in_features() const override { return integer_->in_features(); }
  std::int64_t out_features() const override { return integer_->out_features(); }

  const IntegerLinear& integer() const { return *integer_; }

 private:
  std::shared_ptr<const IntegerLinear> integer_;
  ConvolutionWindow window_;
};

}  // namespace clipq
