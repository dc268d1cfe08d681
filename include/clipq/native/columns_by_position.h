#pragma once

#include "clipq/model/convolution_window.h"
#include "clipq/numerics/quantize.h"

namespace clipq {

/// Whether a weight's columns can be moved: they aren't packed, and have no scales in groups.
bool has_movable_columns(const QuantizerSpec& weight);

/// A weight [out, channels * area] with its columns in the order [row, column, channel], so that a
/// row of a window is a stretch of the map.
QuantizedTensor columns_by_position(const QuantizedTensor& weight, const ConvolutionWindow& window);

/// The same of windows as rows [..., channels * area].
at::Tensor columns_by_position(const at::Tensor& rows, const ConvolutionWindow& window);

}  // namespace clipq
