#pragma once

#include "clipq/numerics/quantize.h"

namespace clipq {

/// The quantizer of an activation, ready to run: static with its scales, or dynamic.
class ActivationQuantizer {
 public:
  /// A quantizer that takes its range from each input.
  static ActivationQuantizer dynamic(const QuantizerSpec& spec);

  /// A quantizer with the range that calibration found.
  static ActivationQuantizer with_scales(const QuantizerSpec& spec, const Scales& scales);

  /// x (float32, any shape; tokens are rows of the last dimension) quantized and dequantized.
  at::Tensor simulate(const at::Tensor& x) const;

  /// Whether it takes one range from all rows of its input, so that they depend on each other.
  bool spans_rows() const;

  const QuantizerSpec& spec() const { return spec_; }
  const Scales& scales() const { return scales_; }  ///< undefined tensors if dynamic

 private:
  ActivationQuantizer(const QuantizerSpec& spec, const Scales& scales);

  QuantizerSpec spec_;
  Scales scales_;
};

/// The quantizer with one range for all rows where each has its own.
ActivationQuantizer over_all_rows(const ActivationQuantizer& quantizer);

}  // namespace clipq
