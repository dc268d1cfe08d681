#pragma once

#include <string>

#include "clipq/numerics/activation_quantizer.h"
#include "graph_builder.h"

namespace clipq {

/// The input of an integer product, whose range is taken at run time.
struct DynamicCodes {
  std::string codes;       ///< uint8 or int8, as the input
  std::string scale;       ///< float32 [rows, 1], or a scalar
  std::string zero_point;  ///< float32 of scale's shape; empty: symmetric
};

/// The same where the range is fixed.
struct StaticCodes {
  std::string codes;       ///< of the quantizer's type, as the input
  std::string scale;       ///< float32 scalar
  std::string zero_point;  ///< scalar of the codes' type
};

/// Whether a quantizer's codes can be the input of an integer product: 8 bits or fewer, and one
/// scale for a row or for all.
bool has_integer_codes(const QuantizerSpec& spec);

/// The codes of x [rows, columns].
DynamicCodes dynamic_codes(GraphBuilder& graph, const std::string& x, const QuantizerSpec& spec);

/// The codes of x, of any shape, by a static quantizer with one scale.
StaticCodes static_codes(GraphBuilder& graph, const std::string& x,
                         const ActivationQuantizer& quantizer);

/// x of any shape, quantized and dequantized. Static quantizers are QuantizeLinear and
/// DequantizeLinear, and between them a Clip where their type has codes that the quantizer hasn't.
std::string simulate(GraphBuilder& graph, const std::string& x,
                     const ActivationQuantizer& quantizer);

}  // namespace clipq
