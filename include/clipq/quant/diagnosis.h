#pragma once

#include <ATen/core/Tensor.h>

#include <optional>

#include "clipq/numerics/activation_quantizer.h"
#include "clipq/numerics/outliers.h"

namespace clipq {

/// How well one quantizer fits the values that it met.
struct Diagnosis {
  double clipped = 0;                      ///< share of values beyond the range, in [0, 1]
  double sqnr_db = 0;                      ///< 10 log10(sum x^2 / sum (x - Q(x))^2), at most 200
  std::optional<double> output_cosine;     ///< of its layer's output to the float layer's, the mean
                                           ///< over sampled rows
  std::optional<OutlierSummary> tokens;    ///< of a linear layer's input, on sampled rows
  std::optional<OutlierSummary> channels;  ///< the same of its channels
};

/// The least and greatest value that codes can stand for, for every scale.
Range representable(const QuantizerSpec& spec, const Scales& scales);

/// A weight (float32 [out, in]) against its quantized form.
Diagnosis diagnose(const at::Tensor& weight, const QuantizedTensor& quantized);

/// An activation (float32, any shape) against its quantized form. Nothing is clipped by a dynamic
/// quantizer.
Diagnosis diagnose(const at::Tensor& x, const ActivationQuantizer& quantizer);

/// The mean cosine of the rows of the last dimension; rows that are the same count as 1, also if
/// zero.
double mean_cosine(const at::Tensor& a, const at::Tensor& b);

}  // namespace clipq
